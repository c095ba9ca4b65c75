// Types of positions, messages, errors and events, as a client gives them to its page.

/** A place in the log. Offsets of different epochs cannot be compared. */
export interface Position {
  epoch: string;
  offset: number;
}

interface PublicationFields {
  group: string;
  epoch: string;
  offset: number;
  /** Offset of the group's message before; 0 if none is known. */
  previousOffset: number;
  /** When the service accepted it, in milliseconds since 1970. */
  time: number;
  /** The key of its sender, if there was one. */
  key?: string;
}

/** `message` is the JSON value that was sent. If bytes were published, they are `data` instead. */
type PublicationBody<Message> =
  | { message: Message; data?: undefined }
  | { message?: undefined; data: Uint8Array };

/** One message of a group. */
export type Publication<Message = unknown> = PublicationFields & PublicationBody<Message>;

/**
 * Codes of the servers, see the protocol (proto/websocket.md, section 6). A newer server may have
 * more. The client refuses with `bad_request`, `too_large` and `not_joined`, too: nothing is sent
 * that no server could read (half of a character, JSON nested deeper than 31 levels).
 */
export type ServerErrorCode =
  | 'bad_request'
  | 'unknown_command'
  | 'limit_exceeded'
  | 'too_large'
  | 'not_joined'
  | 'key_conflict'
  | 'unavailable'
  | 'internal';

/**
 * Codes of the client:
 *
 * - `queue_full`: too much waits for an answer already; nothing was sent.
 * - `timeout`: no answer in time, to a send (see `maybePublished`) or to a join.
 * - `closed`, `stopped`: the connection has ended, by this page or by the server (4500-4999); the
 *   message has the server's code and reason.
 * - `unreachable`: the first attempt to connect has failed (an event of the client).
 * - `left`: the group was left before it was joined.
 * - `hole`: messages were missing, and are asked for again (an event, never a rejection).
 */
export type ClientErrorCode =
  | 'queue_full'
  | 'timeout'
  | 'closed'
  | 'stopped'
  | 'unreachable'
  | 'left'
  | 'hole';

export type ErrorCode = ServerErrorCode | ClientErrorCode | (string & {});

export class ChannelError extends Error {
  constructor(code: ErrorCode, message: string, options?: Partial<ChannelErrorFields>);
  readonly code: ErrorCode;
  /** The message was on its way, and may be in the log. */
  readonly maybePublished: boolean;
  readonly group?: string;
}

export interface ChannelErrorFields {
  maybePublished: boolean;
  group: string;
}

/** A message, once and in order. */
export type PublicationEvent<Message = unknown> = Event & Publication<Message>;

/**
 * Messages with offsets between `after` and `before` (both excluded) are lost. Their number is not
 * known: offsets are not dense.
 */
export interface GapEvent extends Event {
  group: string;
  epoch: string;
  /** With `epoch` an offset of the epoch before: all after it is lost. With `position` 0. */
  after: number;
  before: number;
  /**
   * - `retention`: the log does not hold them any more.
   * - `epoch`: the log lost its memory and began anew.
   * - `position`: the log never gave the position that was to be resumed. It goes back, and all
   *   that it holds from `before` on is delivered, perhaps again.
   * - `hole`: they did not come, and asking again did not help. Only the client has this reason: the
   *   servers contradict themselves.
   */
  reason: 'retention' | 'epoch' | 'position' | 'hole';
}

export interface ChannelErrorEvent extends Event {
  code: ErrorCode;
  message: string;
  group?: string;
}

export type SubscriptionState = 'joining' | 'joined' | 'resuming' | 'left' | 'failed';

export interface SubscriptionStateEvent extends Event {
  /**
   * `joining` → `joined` ⇄ `resuming`; `left` (by this page) and `failed` (see `error`) are ends.
   */
  state: SubscriptionState;
  /** With `joined`. False: something is missing, and a `gap` event comes next. */
  recovered?: boolean;
  /** With `joined`: the newest position of the log. Messages up to it were there already. */
  head?: Position;
  /** With `left` and `failed`. */
  error?: ChannelError;
}

/**
 * - `connecting`: the first attempt runs.
 * - `unreachable`: no attempt has got through so far; it tries again (see `delayMs`).
 * - `open`: connected.
 * - `unavailable`: connected, but the edge has lost its channel service. Nothing comes and nothing
 *   is taken; sends wait in the queue, at most their time. `open` follows when it is back.
 * - `reconnecting`: the connection was lost; it tries again (see `delayMs`).
 * - `stopped`: an end, by `close()` or by the server (4500-4999).
 */
export type ClientState =
  | 'connecting'
  | 'unreachable'
  | 'open'
  | 'unavailable'
  | 'reconnecting'
  | 'stopped';

export interface ClientStateEvent extends Event {
  /** `unreachable` and `reconnecting` are told again for each attempt that failed. */
  state: ClientState;
  /** Close code and reason of the connection that was lost. 1006: it broke off, or was refused. */
  code?: number;
  reason?: string;
  /** With `unreachable` and `reconnecting`: how long until the next attempt. */
  delayMs?: number;
}

export {}; // what is not marked is not exported
