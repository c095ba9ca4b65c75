// A client whose platform is faked: its sockets, on which a test plays the edge word for word, and
// its clock.

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { connect } from '../../../ws_edge/web/channel.js';
import { record } from './events.mjs';
import { FakeTime, settled } from './fake_time.mjs';
import * as frames from './frames.mjs';

globalThis.crypto ??= webcrypto; // Node 18 has it only there

class FakeSocket {
  sent = []; // frames of the client that the test did not take yet
  closedWith = null; // the code that the client closed with
  onopen = null;
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

  // The handshake succeeds, and the server selects this subprotocol.
  accept(protocol = this.protocol) {
    this.protocol = protocol;
    this.readyState = 1;
    this.onopen?.();
  }

  welcome(fields) {
    if (this.readyState === 0) this.accept();
    this.deliver(frames.welcome(fields));
  }

  ok(command, fields) {
    this.deliver(frames.ok(command, fields));
  }

  error(command, code, fields) {
    this.deliver(frames.error(command, code, fields));
  }

  // Takes the next frame, which must be this command, and answers it. Returns the frame.
  answer(cmd, fields) {
    const frame = this.take(cmd);
    this.ok(frame, fields);
    return frame;
  }

  refuse(cmd, code, fields) {
    const frame = this.take(cmd);
    this.error(frame, code, fields);
    return frame;
  }

  message(offset, fields) {
    this.deliver(frames.message(offset, fields));
  }

  messages(first, last, fields) {
    for (let offset = first; offset <= last; offset++) this.message(offset, fields);
  }

  service(available) {
    this.deliver({ event: 'service', available });
  }

  gap(after, before, fields) {
    this.deliver(frames.gap(after, before, fields));
  }
}

// A client with its whole platform faked, but for the clocks if they are to be the platform's.
export class FakeWorld {
  time = new FakeTime();
  sockets = [];
  page = Object.assign(new EventTarget(), { document: new EventTarget() });
  random = 0.5; // the client gets it for random()

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
    this.socket.answer('add_group', ok);
    return subscription;
  }

  // Takes the history that was asked for, answers it, and returns it.
  async answerHistory(fields) {
    const held = { recovered: true, more: false, publications: [], ...fields };
    const frame = this.socket.answer('history', held);
    await settled();
    return frame;
  }
}
