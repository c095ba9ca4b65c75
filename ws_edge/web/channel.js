// The browser client of Channel: groups over one WebSocket, and nothing is lost in silence.
//
//   import { connect } from '/channel.js';
//   const channel = connect(); // to the edge that served this file
//   channel.addEventListener('state', ({ state }) => console.log(state));
//
//   const room = channel.join('123', { last: 50 });
//   room.addEventListener('message', ({ message, time }) => console.log(new Date(time), message));
//   room.addEventListener('gap', ({ reason }) => console.log(`something is missing: ${reason}`));
//   room.addEventListener('error', ({ code, message }) => console.log(code, message));
//   const { offset } = await room.send({ text: 'hello' });
//   console.log(`message ${offset} is in the log; join('123', { since }) resumes`, room.position);
//
// channel.d.ts describes every call, event and promise. This is what an application imports; its
// parts are in client/, beside it.
//
// From the inside out: Chain decides what is new, twice or missing; Membership is one joined group,
// Subscription what each caller of join has of it; Outbox keeps what was sent until it is answered;
// Connection keeps a WebSocket open; Core joins them. Everywhere the own state is brought up to
// date first and listeners are told last: a listener may call anything here, and one that throws
// stops nothing.

import { Core } from './client/core.js';

export { randomKey } from './client/core.js';
export { Subscription } from './client/subscription.js';
export { ChannelError } from './client/tell.js';

export function connect(url, options) {
  return new ChannelClient(url, options);
}

export class ChannelClient extends EventTarget {
  #core;

  constructor(url, options = {}) {
    super();
    this.#core = new Core(this, url ?? defaultUrl(), options);
  }

  get state() {
    return this.#core.state;
  }

  get server() {
    return this.#core.server;
  }

  get counters() {
    return this.#core.counters;
  }

  join(group, options = {}) {
    return this.#core.join(String(group), options);
  }

  send(group, message, options) {
    return this.#core.send(String(group), message, options);
  }

  retryNow() {
    this.#core.retryNow();
  }

  close() {
    this.#core.close();
  }
}

// The edge that served this file, also behind a proxy that serves it under a path.
function defaultUrl() {
  const url = new URL('.', import.meta.url);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  if (!url.host) throw new TypeError('the address of an edge is needed, such as ws://host:1234/');
  return url;
}
