// Types of channel.js, the browser client of Channel: the client, its subscriptions, their options.
// Messages, errors and events are in client/events.d.ts.

import type {
  ChannelErrorEvent,
  ClientState,
  ClientStateEvent,
  GapEvent,
  Position,
  Publication,
  PublicationEvent,
  SubscriptionState,
  SubscriptionStateEvent,
} from './client/events.js';

export * from './client/events.js';

/** Bytes, which arrive as `data`. Of a view only the bytes that it shows are sent. */
export type Bytes = ArrayBuffer | ArrayBufferView;

/** A send resolves with this: the message is in the log, at this position. */
export interface Sent extends Position {
  /** The log had the key already, and this is the position of the first time. */
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
 * The part that one caller of `join` has in a group. It stays joined over lost connections and
 * resumes from its position. All subscriptions of one group share one membership at the server, and
 * each gets its own events.
 */
export class Subscription<Message = unknown> extends TypedTarget<SubscriptionEvents<Message>> {
  private constructor();
  readonly group: string;
  readonly state: SubscriptionState;
  /**
   * The position that everything came up to: keep it, and give it to `join` as `since` later. Null
   * until it is known, which with `last` is at the first message.
   *
   * A new subscription does not know the keys of an earlier one. If the service lost its memory in
   * between, a message that was sent again then may come a second time, with the same `key`.
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
   * Reads messages that the service still holds: after `since`, or the `last` ones, `limit` at most.
   * Waits until the group is joined. The message events go on as before.
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
  /** Holes that asking again did not repair. */
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
   * with its own `since` or `last`: those messages are fetched from the history first, as message
   * and gap events in order, then it goes on live. Without both it begins with the next message.
   *
   * Throws if the group is no valid text, or the connection has ended.
   */
  join<Message = unknown>(group: string | number, options?: JoinOptions): Subscription<Message>;
  /**
   * Sends a JSON value or bytes to a group, joined or not, and resolves when it is in the log.
   * Until it is answered it is sent again after losses and retryable errors, always with its key,
   * so it is published once. Rejects with a ChannelError.
   *
   * Rejects with a TypeError that says where it is and what is allowed, if JSON would leave a value
   * out, or make null or {} of it: Map, Set, BigInt, NaN, functions, instances without fields, bytes
   * inside of something else, undefined (except as a member of an object: that is left out), and
   * circular values. A value with toJSON is sent as toJSON returns it.
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
