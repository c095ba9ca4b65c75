import { Connection } from './connection.js';
import { createEnvironment } from './environment.js';
import { ChannelError, dispatch } from './events.js';
import { Membership } from './membership.js';
import { Outbox } from './outbox.js';
import { Subscription } from './subscription.js';

const LONE_SURROGATE = /\p{Surrogate}/u;

export function connect(url, options) {
  return new ChannelClient(url, options);
}

// One connection for any number of groups. Owns the parts and passes frames to them.
export class ChannelClient extends EventTarget {
  #counters = { messages: 0, duplicates: 0, gaps: 0, holes: 0, missed: 0, reconnects: 0 };
  #memberships = new Map(); // group → Membership
  #connection;
  #outbox;
  #services;

  constructor(url, options = {}) {
    super();
    const environment = createEnvironment(options);
    this.#connection = new Connection(url ?? defaultUrl(), environment, {
      opened: (isFirst) => this.#opened(isFirst),
      frame: (frame) => this.#received(frame),
      lost: () => this.#lost(),
      stopped: () => this.#stopped(),
      unreachable: (message) => dispatch(this, 'error', { code: 'unreachable', message }),
      state: (fields) => {
        this.#outbox.pump(); // the service may be back; first what waits, then what a listener sends
        dispatch(this, 'state', fields);
      },
    });
    const isJoinSent = (group) => this.#memberships.get(group)?.isJoinSent ?? true;
    this.#outbox = new Outbox(environment, this.#connection, isJoinSent, options);
    this.#services = {
      environment,
      connection: this.#connection,
      outbox: this.#outbox,
      counters: this.#counters,
    };
  }

  get state() {
    return this.#connection.state;
  }

  get server() {
    return this.#connection.server;
  }

  get counters() {
    return this.#counters;
  }

  join(group, options = {}) {
    const name = String(group);
    if (options.since && options.last !== undefined) throw new TypeError('since or last, not both');
    if (LONE_SURROGATE.test(name)) throw new TypeError('the group has half of a character');
    const { end, isOpen } = this.#connection;
    if (end) throw new ChannelError(end.code, end.text, { group: name });
    const held = this.#memberships.get(name);
    if (held) return new Subscription(held, this.#services, false, options);
    const membership = new Membership(name, options, this.#services, () => this.#left(name));
    this.#memberships.set(name, membership);
    const subscription = new Subscription(membership, this.#services, true, options);
    if (isOpen) membership.start();
    return subscription;
  }

  send(group, message, options) {
    return this.#outbox.send(String(group), message, options);
  }

  retryNow() {
    this.#connection.retryNow();
  }

  close() {
    this.#connection.close();
  }

  #left(group) {
    this.#memberships.delete(group);
    this.#outbox.pump(); // what waited for its join waits no more
  }

  #opened(isFirst) {
    if (!isFirst) this.#counters.reconnects++;
    for (const membership of this.#memberships.values()) membership.start();
    this.#outbox.pump(); // after the joins, so that a member gets what it sends
  }

  #received(frame) {
    if (frame.id !== undefined) {
      this.#answered(frame);
      return;
    }
    const membership = this.#memberships.get(frame.group_id);
    if (membership) {
      membership.onEvent(frame);
    } else if (frame.event === 'error') {
      dispatch(this, 'error', { code: frame.code, message: frame.message });
    }
  }

  // Nobody waits for the answer to a leave, or to a request that was given up.
  #answered(frame) {
    if (this.#outbox.onAnswer(frame)) return;
    for (const membership of this.#memberships.values()) {
      if (membership.onAnswer(frame)) return;
    }
  }

  #lost() {
    this.#outbox.onLost();
    for (const membership of this.#memberships.values()) membership.onLost();
  }

  #stopped() {
    const { code, text } = this.#connection.end;
    const memberships = [...this.#memberships.values()];
    this.#memberships.clear();
    this.#outbox.onLost();
    this.#outbox.fail(code, text);
    const state = code === 'closed' ? 'left' : 'failed';
    for (const membership of memberships) membership.stop(state, new ChannelError(code, text));
    if (state === 'failed') dispatch(this, 'error', { code, message: text });
  }
}

// The edge that served this file as client/client.js, also behind a proxy that serves it under a
// path.
function defaultUrl() {
  const url = new URL('..', import.meta.url);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  if (!url.host) throw new TypeError('the address of an edge is needed, such as ws://host:1234/');
  return url;
}
