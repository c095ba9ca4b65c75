// Types of channel.js, the browser client of Channel.

/** Where a group's log was read up to. Offsets of different epochs cannot be compared. */
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

/** What is sent as bytes, and arrives as `data`: of a view the bytes that it shows. */
export type Bytes = ArrayBuffer | ArrayBufferView;

/** What a send resolves with: the message is in the log. */
export interface Sent extends Position {
  /** The key was seen before, and this is the position of the first time. */
  duplicate: boolean;
  key: string;
}

export interface History<Message = unknown> extends Position {
  /** False: what followed `since` is not held any more; `publications` is what there is. */
  recovered: boolean;
  /** Oldest first. */
  publications: Publication<Message>[];
  /** There is more after the last one: ask again from its position. */
  more: boolean;
}

/**
 * The codes of the protocol (`bad_request`, `forbidden`, `limit_exceeded`, `too_large`,
 * `not_joined`, `key_conflict`, `unavailable`, `rate_limited`, …), and the client's own:
 *
 * - `bad_request` comes from here, too, for what no server could read: half of a character (a lone
 *   surrogate), JSON nested deeper than 31 levels.
 * - `queue_full`: too much waits for an answer already; nothing was sent.
 * - `timeout`: no answer in time, to a send (see `maybePublished`) or to a join.
 * - `closed`, `stopped`: the connection has ended, by this page or by the server (4500-4999); the
 *   message has the server's code and reason.
 * - `unreachable`: the first attempt to connect has failed (an event of the client).
 * - `left`: the group was left before it was joined.
 * - `hole`: messages were missing, and are asked for again (an event, never a rejection).
 */
export class ChannelError extends Error {
  constructor(code: string, message: string, options?: Partial<ChannelErrorFields>);
  readonly code: string;
  /** The message was on its way; whether it is in the log is not known. */
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
 * Messages with offsets strictly between `after` and `before` cannot be delivered. How many they
 * were is not known: offsets are not dense.
 */
export interface GapEvent extends Event {
  group: string;
  epoch: string;
  /** With reason `epoch` an offset of the epoch before: all after it is lost; with `position` 0. */
  after: number;
  before: number;
  /**
   * `retention`: too old to be held; `epoch`: the service lost its memory; `position`: the log never
   * gave the position that was to be resumed, and gives all that it holds; `slow`: this client read
   * too slowly; `overload`: the servers were too slow; `hole`: they were missing, and asking again
   * did not help (a defect of the servers).
   */
  reason: 'retention' | 'epoch' | 'position' | 'slow' | 'overload' | 'hole';
}

export interface ChannelErrorEvent extends Event {
  code: string;
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
  /** With `joined`: the newest position of the log. What came before it was there already. */
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
  /** Close code and reason of what was lost. 1006: it broke off, or was refused. */
  code?: number;
  reason?: string;
  /** With `unreachable` and `reconnecting`: how long until the next attempt. */
  delayMs?: number;
}

interface SubscriptionEvents<Message> {
  message: PublicationEvent<Message>;
  gap: GapEvent;
  state: SubscriptionStateEvent;
  error: ChannelErrorEvent;
}

interface ClientEvents {
  state: ClientStateEvent;
  error: ChannelErrorEvent;
}

type Listener<E> = ((event: E) => void) | { handleEvent(event: E): void } | null;

/** An EventTarget that knows its events, and no others. Only a type: no such class is exported. */
declare class TypedTarget<Events extends Record<keyof Events, Event>> extends EventTarget {
  addEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: Listener<Events[Type]>,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Type extends keyof Events & string>(
    type: Type,
    listener: Listener<Events[Type]>,
    options?: boolean | EventListenerOptions,
  ): void;
}

export interface JoinOptions {
  /** Begin after this position, which an earlier subscription gave. Not together with `last`. */
  since?: Position | null;
  /** Begin with up to so many of the newest messages, 1 to 1000. Without both: from now on. */
  last?: number;
}

export interface SendOptions {
  /**
   * Makes a repetition harmless: the service publishes a key once in 2 minutes. 1 to 128 bytes,
   * random by default. The members see it; others must not be able to guess it.
   */
  key?: string;
  /** Default 60 s, at most 100 s: the service must still remember the key. */
  timeoutMs?: number;
}

/**
 * What one caller of `join` has of a group. It stays joined over lost connections and resumes from
 * its position. All that join one group share one membership at the server, and each gets its own
 * events.
 */
export class Subscription<Message = unknown> extends TypedTarget<SubscriptionEvents<Message>> {
  private constructor();
  readonly group: string;
  readonly state: SubscriptionState;
  /**
   * Up to where messages came, to be kept and given to `join` as `since` later; null until that is
   * known, which with `last` is the first message.
   */
  readonly position: Position | null;
  /**
   * Resolves when the first join was confirmed, with the newest position of the log; rejects when
   * it is refused or left before.
   */
  readonly joined: Promise<Position>;
  /** As ChannelClient.send, to this group. */
  send(message: Message | Bytes, options?: SendOptions): Promise<Sent>;
  /**
   * Messages that the service still holds: after `since`, or the `last` ones, `limit` at most.
   * Waits until the group is joined. It does not change what the message events bring.
   */
  history(options?: JoinOptions & { limit?: number }): Promise<History<Message>>;
  /** Ends it. The server is told when the last subscription of the group has left. */
  leave(): void;
}

export interface ConnectOptions {
  /**
   * The WebSocket class, where the platform has none: Node before 22, with the package ws. (Node 18
   * also needs `globalThis.crypto = webcrypto`, of node:crypto.)
   */
  WebSocket?: unknown;
  /** Default 60 s. */
  sendTimeoutMs?: number;
  /** How many sends may wait for an answer; default 1000. */
  queueMessagesMax?: number;
  /** How many bytes of them; default 4 MiB. */
  queueBytesMax?: number;
  /**
   * Replaces parts of the platform, for tests: setTimeout, clearTimeout, now (of durations),
   * wallNow, random, page.
   */
  environment?: Record<string, unknown>;
}

export interface Counters {
  /** Message events. */
  messages: number;
  /** Messages that came twice and were dropped. */
  duplicates: number;
  /** Gap events. */
  gaps: number;
  /** Times that the chain was broken without a gap. */
  holes: number;
  /** … and asking again did not repair it. */
  missed: number;
  /** Times that the connection was open again. */
  reconnects: number;
}

/**
 * One connection for any number of groups. It connects again by itself, inside the window that the
 * server gives, and stops only if the server says so (4500-4999). Durations are not judged by the
 * clock that a person can set.
 */
export class ChannelClient extends TypedTarget<ClientEvents> {
  constructor(url?: string | URL | null, options?: ConnectOptions);
  readonly state: ClientState;
  /** Name of the edge of the newest connection; null before the first. */
  readonly server: string | null;
  readonly counters: Readonly<Counters>;
  /**
   * Joins a group. If it is joined already, this gives another subscription of the same membership,
   * with the same `since` or `last`: what that asks for is fetched from the history first, as
   * message and gap events in order, then it goes on with what comes live. Without both it begins
   * with what comes after this call.
   *
   * Throws if the group is no valid text, or the connection has ended.
   */
  join<Message = unknown>(group: string | number, options?: JoinOptions): Subscription<Message>;
  /**
   * Sends a JSON value or bytes to a group, joined or not, and resolves when it is in the log.
   * Until it is answered it is sent again after losses and retryable errors, always with its key,
   * so it is published once. Rejects with a ChannelError.
   *
   * A value that JSON would leave out, or make null or {} of, rejects with a TypeError that says
   * where it is and what is allowed:
   *
   * - Map, Set, BigInt, NaN, functions;
   * - instances without fields;
   * - bytes inside of something else;
   * - undefined, except as a member of an object: that is left out;
   * - circular values.
   *
   * A value that has toJSON is sent as what that returns.
   *
   * Sends to one group keep the order of the calls, also over lost connections. One exception: if
   * the server answers a send with a retryable error while later ones are on their way already,
   * those may come before it. Await each one where even that matters.
   */
  send<Message = unknown>(
    group: string | number,
    message: Message | Bytes,
    options?: SendOptions,
  ): Promise<Sent>;
  /** Ends the wait between two attempts. */
  retryNow(): void;
  /** Leaves all groups and closes with 1000. What waits is rejected. */
  close(): void;
}

/**
 * Connects to an edge; without an address to the one that served this file, at the path that it was
 * served from: `https://host/chat/channel.js` connects to `wss://host/chat/`. A bundle is served by
 * something else, so there the address must be given.
 *
 * @example
 * const channel = connect();
 * const room = channel.join('123', { last: 50 });
 * room.addEventListener('message', ({ message, time }) => console.log(new Date(time), message));
 * const { offset } = await room.send({ text: 'hello' });
 */
export function connect(url?: string | URL | null, options?: ConnectOptions): ChannelClient;

/** A new random key for a send, for those who want to know it before. */
export function randomKey(): string;

export {}; // what is not marked is not exported
