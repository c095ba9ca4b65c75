// An edge that a test plays itself, word for word, and a clock that stands still until it is moved.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { connect } from '../../../ws_edge/web/channel.js';

globalThis.crypto ??= webcrypto; // Node 18 has it only there

class FakeTime {
  now = 1_000_000; // as performance.now()
  wallOffset = 1_800_000_000_000; // of Date.now() to it; a test that changes it sets the clock
  #timers = new Map(); // id → {due, run}
  #lastId = 0;

  setTimeout = (run, ms) => {
    this.#timers.set(++this.#lastId, { due: this.now + ms, run });
    return this.#lastId;
  };

  clearTimeout = (id) => this.#timers.delete(id);

  get pending() {
    return this.#timers.size;
  }

  // Moves on, timer by timer, and lets promises settle in between.
  async advance(ms) {
    const end = this.now + ms;
    await settled();
    for (;;) {
      const next = [...this.#timers].sort(([, a], [, b]) => a.due - b.due)[0];
      if (!next || next[1].due > end) break;
      this.now = Math.max(this.now, next[1].due);
      this.#timers.delete(next[0]);
      next[1].run();
      await settled();
    }
    this.now = end;
  }

  get wall() {
    return this.now + this.wallOffset;
  }

  // As a tab that sleeps: no timer runs on the way, what is due runs when it wakes up.
  async sleep(ms) {
    this.now += ms;
    await this.advance(0);
  }
}

export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}

class FakeSocket {
  sent = []; // frames of the client that the test did not take yet
  closedWith = null; // the code that the client closed with
  onmessage = null;
  onclose = null;
  readyState = 0; // connecting; 1: open, 2: closing, 3: closed

  constructor(url, protocol) {
    this.url = String(url);
    this.protocol = protocol;
  }

  // As a real one: it throws while it connects, and says nothing when it is over.
  send(text) {
    if (this.readyState === 0) throw new DOMException('still connecting', 'InvalidStateError');
    assert.equal(this.readyState, 1, 'it is not sent into a socket that is over');
    this.sent.push(JSON.parse(text));
  }

  close(code = 1005) {
    this.closedWith ??= code;
    if (this.readyState < 2) this.readyState = 2;
  }

  // The next frame of the client, which must be this command.
  take(cmd) {
    const frame = this.sent.shift();
    assert.equal(frame?.cmd, cmd);
    return frame;
  }

  takeAll() {
    return this.sent.splice(0);
  }

  deliver(frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  drop(code = 1006, reason = '') {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  welcome(fields = {}) {
    if (this.readyState === 0) this.readyState = 1;
    this.deliver({
      event: 'welcome',
      connection_id: 'c-1',
      session: '1',
      server: 'edge-1',
      ping_interval_ms: 25_000,
      reconnect_ms: [200, 15_000],
      limits: { message_bytes: 65_536 },
      ...fields,
    });
  }

  ok({ id, group_id }, fields = {}) {
    this.deliver({ event: 'ok', id, group_id, epoch: 'k1', offset: 0, ...fields });
  }

  error({ id }, code, fields = {}) {
    this.deliver({ event: 'error', id, code, message: `it is ${code}`, ...fields });
  }

  // Message `offset` of group 123 and epoch k1, which follows the one before unless it says other.
  message(offset, fields = {}) {
    this.deliver({
      event: 'message',
      group_id: '123',
      epoch: 'k1',
      offset,
      previous_offset: offset - 1,
      time_unix_ms: 1_800_000_000_000,
      message: `m${offset}`,
      ...fields,
    });
  }
}

// A client with all that it stands on faked, but for the clocks if they are to be the platform's.
// random: what the client gets for random().
export class FakeWorld {
  time = new FakeTime();
  sockets = [];
  page = Object.assign(new EventTarget(), { document: new EventTarget() });
  random = 0.5;

  constructor({ platformClocks = false, ...options } = {}) {
    const world = this;
    class Socket extends FakeSocket {
      constructor(url, protocol) {
        super(url, protocol);
        world.sockets.push(this);
      }
    }
    this.client = connect('ws://edge/', {
      WebSocket: Socket,
      environment: {
        setTimeout: this.time.setTimeout,
        clearTimeout: this.time.clearTimeout,
        random: () => this.random,
        page: this.page,
        ...(!platformClocks && { now: () => this.time.now, wallNow: () => this.time.wall }),
      },
      ...options,
    });
    this.states = record(this.client, 'state');
    this.errors = record(this.client, 'error');
  }

  get socket() {
    return this.sockets.at(-1);
  }

  // Opens the newest socket.
  open(welcome) {
    this.socket.welcome(welcome);
    return this.socket;
  }

  // Loses the connection and opens the next.
  async reopen(welcome) {
    const count = this.sockets.length;
    this.socket.drop();
    await this.time.advance(this.states.at(-1).delayMs);
    assert.equal(this.sockets.length, count + 1);
    return this.open(welcome);
  }

  // Joins group 123 and confirms it.
  joined(options, ok = { offset: 0, recovered: true }) {
    const subscription = this.client.join('123', options);
    if (this.client.state === 'connecting') this.open();
    this.socket.ok(this.socket.take('add_group'), ok);
    return subscription;
  }

  // Takes the history that was asked for, answers it, and returns it.
  async answerHistory(fields) {
    const frame = this.socket.take('history');
    this.socket.ok(frame, { recovered: true, more: false, publications: [], ...fields });
    await settled();
    return frame;
  }
}

// The events of a type as plain objects, as they come.
export function record(target, type) {
  const events = [];
  target.addEventListener(type, (event) => {
    events.push(Object.fromEntries(Object.entries(event).filter(([name]) => name !== 'isTrusted')));
  });
  return events;
}

// The events of a subscription in words, in one list.
export function recordAll(room) {
  const events = [];
  const note = (type, what) =>
    room.addEventListener(type, (event) => events.push(`${type} ${what(event)}`));
  note('state', ({ state, recovered }) => (recovered === false ? `${state}, not all` : state));
  note('message', ({ offset }) => offset);
  note('gap', ({ after, before, reason }) => `${after}-${before} ${reason}`);
  note('error', ({ code }) => code);
  return events;
}

// Publications `first` to `last` of group 123, as the answer to a history has them.
export function publications(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    offset: first + i,
    previous_offset: first + i - 1,
    time_unix_ms: 1,
    message: `m${first + i}`,
  }));
}

// What became of a promise, once it is settled: {value} or {error}.
export function outcome(promise) {
  const result = {};
  promise.then(
    (value) => Object.assign(result, { value }),
    (error) => Object.assign(result, { error }),
  );
  return result;
}
