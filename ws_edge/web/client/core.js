import { toBody, toPublication } from './bodies.js';
import { Connection } from './connection.js';
import {
  QUEUE_BYTES_MAX,
  QUEUE_MESSAGES_MAX,
  SEND_TIMEOUT_MAX_MS,
  SEND_TIMEOUT_MS,
} from './limits.js';
import { Membership } from './membership.js';
import { Outbox } from './outbox.js';
import { Subscription } from './subscription.js';
import { ChannelError, tell } from './tell.js';

const LONE_SURROGATE = /\p{Surrogate}/u;

// What one member may not guess of another: whoever knows a key could publish under it first.
export function randomKey() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// What a client is made of, and what the parts may ask of each other.
export class Core {
  counters = { messages: 0, duplicates: 0, gaps: 0, holes: 0, missed: 0, reconnects: 0 };
  server = null; // name of the edge of the newest connection
  messageBytesMax = Infinity; // until a welcome tells
  #client;
  #connection;
  #outbox = new Outbox(this);
  #memberships = new Map(); // group → Membership
  #lastId = 0;
  #ended = null; // {code, text}: why nothing is possible any more
  #unwatchPage;

  constructor(client, url, options) {
    this.#client = client;
    this.env = {
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      setTimeout: (run, ms) => setTimeout(run, ms),
      clearTimeout: (timer) => clearTimeout(timer),
      now: () => performance.now(), // of every duration; nobody can set it
      wallNow: () => Date.now(),
      random: () => Math.random(),
      page: globalThis,
      ...options.environment,
    };
    if (!this.env.WebSocket) throw new TypeError('no WebSocket here: give one in the options');
    if (!globalThis.crypto) {
      throw new TypeError('no crypto here: set globalThis.crypto to webcrypto of node:crypto');
    }
    this.options = {
      sendTimeoutMs: options.sendTimeoutMs ?? SEND_TIMEOUT_MS,
      queueMessagesMax: options.queueMessagesMax ?? QUEUE_MESSAGES_MAX,
      queueBytesMax: options.queueBytesMax ?? QUEUE_BYTES_MAX,
    };
    this.#connection = new Connection(url, this.env, {
      opened: (welcome) => this.#opened(welcome),
      frame: (frame) => this.#received(frame),
      lost: () => this.#lost(),
      stopped: (code, reason) => this.#stopped(code, reason),
      unreachable: (message) => tell(client, 'error', { code: 'unreachable', message }),
      state: (fields) => {
        tell(client, 'state', fields);
        this.#outbox.pump(); // the service may be back
      },
    });
    this.#unwatchPage = this.#watchPage(this.env.page);
  }

  get state() {
    return this.#connection.state;
  }

  get isOpen() {
    return this.#connection.isOpen;
  }

  retryNow() {
    this.#connection.retryNow();
  }

  close() {
    this.#connection.close();
  }

  join(group, options) {
    if (options.since && options.last !== undefined) throw new TypeError('since or last, not both');
    if (LONE_SURROGATE.test(group)) throw new TypeError('the group has half of a character');
    if (this.#ended) throw new ChannelError(this.#ended.code, this.#ended.text, { group });
    const held = this.#memberships.get(group);
    if (held) return new Subscription(this, held, false, options);
    const membership = new Membership(this, group, options);
    this.#memberships.set(group, membership);
    const subscription = new Subscription(this, membership, true, options);
    if (this.isOpen) membership.start();
    return subscription;
  }

  leave(membership) {
    if (this.isOpen) this.command('leave_group', membership.group);
    this.#memberships.delete(membership.group);
    this.#outbox.pump(); // what waited for its join waits no more
  }

  failOwned(subscription) {
    this.#outbox.fail('not_joined', 'the group is not joined any more', subscription);
  }

  // Also of a group that is not joined at all.
  hasAsked(group) {
    return this.#memberships.get(group)?.hasAsked ?? true;
  }

  async send(group, message, options = {}) {
    if (this.#ended) throw new ChannelError(this.#ended.code, this.#ended.text, { group });
    const body = toBody(message, group);
    const key = options.key ?? randomKey();
    const timeoutMs = options.timeoutMs ?? this.options.sendTimeoutMs;
    const answer = await this.#outbox.add({
      group,
      cmd: 'send_to_group',
      fields: { key },
      body,
      timeoutMs: Math.min(timeoutMs, SEND_TIMEOUT_MAX_MS),
    });
    const { epoch, offset, duplicate = false } = answer;
    return { epoch, offset, duplicate, key };
  }

  async history(owner, membership, fields) {
    const { group } = membership;
    const { epoch, offset, recovered, publications, more } = await this.#outbox.add({
      group,
      cmd: 'history',
      fields,
      timeoutMs: this.options.sendTimeoutMs,
      needs: membership,
      owner,
    });
    const whole = publications.map((frame) => toPublication({ epoch, group_id: group, ...frame }));
    return { epoch, offset, recovered, publications: whole, more };
  }

  pump() {
    this.#outbox.pump();
  }

  nextId() {
    return ++this.#lastId;
  }

  // Only on a connection that is open. Returns the id of the answer.
  command(cmd, group, fields) {
    const id = this.nextId();
    this.transmit(id, JSON.stringify({ id, cmd, group_id: group, ...fields }));
    return id;
  }

  transmit(id, text) {
    this.#connection.command(id, text);
  }

  // A wait as the server asks for it, or longer: not all at one moment.
  spread(ms) {
    return ms * (1 + this.env.random() / 2);
  }

  #opened({ server, limits }) {
    if (this.server !== null) this.counters.reconnects++;
    this.server = server ?? '';
    this.messageBytesMax = limits?.message_bytes ?? Infinity;
    for (const membership of this.#memberships.values()) membership.start();
    this.#outbox.pump(); // after the joins, so that a member gets what it sends
  }

  #received(frame) {
    if (frame.id !== undefined) {
      if (this.#outbox.onAnswer(frame)) return;
      for (const membership of this.#memberships.values()) {
        if (membership.onAnswer(frame)) return;
      }
      return; // of a leave, or of what was given up
    }
    const membership = this.#memberships.get(frame.group_id);
    if (membership) {
      membership.onFrame(frame);
    } else if (frame.event === 'error') {
      tell(this.#client, 'error', { code: frame.code, message: frame.message });
    }
  }

  #lost() {
    this.#outbox.onLost();
    for (const membership of this.#memberships.values()) membership.onLost();
  }

  #stopped(code, reason) {
    this.#unwatchPage();
    const byUs = code === 1000;
    const word = byUs ? 'closed' : 'stopped';
    const text = byUs ? reason : `the server closed with ${code} ${reason}`;
    const memberships = [...this.#memberships.values()];
    this.#memberships.clear();
    this.#ended = { code: word, text };
    this.#outbox.onLost();
    this.#outbox.fail(word, text);
    for (const membership of memberships) {
      membership.stop(byUs ? 'left' : 'failed', new ChannelError(word, text));
    }
    if (!byUs) tell(this.#client, 'error', { code: word, message: text });
  }

  // Signs that the network went or is back, or that the page was asleep: do not wait for a timer.
  #watchPage(page) {
    const connection = this.#connection;
    const on = {
      online: () => connection.wake(),
      offline: () => connection.offline(),
    };
    const onShown = () => page.document.hidden || connection.wake();
    for (const [type, heed] of Object.entries(on)) page.addEventListener?.(type, heed);
    page.document?.addEventListener('visibilitychange', onShown);
    return () => {
      for (const [type, heed] of Object.entries(on)) page.removeEventListener?.(type, heed);
      page.document?.removeEventListener('visibilitychange', onShown);
    };
  }
}
