import { HALF_CHARACTER, toBody, toPublication } from './bodies.js';
import { spread } from './environment.js';
import { ChannelError } from './events.js';
import {
  QUEUE_BYTES_MAX,
  QUEUE_MESSAGES_MAX,
  RETRY_MS,
  SEND_TIMEOUT_MAX_MS,
  SEND_TIMEOUT_MS,
} from './limits.js';

const encoder = new TextEncoder();

// A random key. Members see keys, and whoever could guess the next one could publish under it first.
export function randomKey() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// Sends and history requests that wait for their answers, in the order of the calls. After a lost
// connection all of them are sent again, in order and with their keys, so that each message is
// published once, whatever the lost connection had done. That holds while the service remembers the
// keys, so a message that is older is given up.
//
// After a retryable error the sends of the group are held: later ones wait behind the message that
// failed. Only those that were on their way when the error came may overtake it.
export class Outbox {
  #environment;
  #connection;
  #isJoinSent;
  #timeoutMs;
  #messagesMax;
  #bytesMax;
  #requests = new Map(); // id → request
  #holds = new Map(); // lane → {timer, due}
  #bytes = 0; // of all requests

  // isJoinSent(group): false while a join of the group is still to be sent. Sends wait for it, since
  // a member gets what it sends.
  constructor(environment, connection, isJoinSent, options) {
    this.#environment = environment;
    this.#connection = connection;
    this.#isJoinSent = isJoinSent;
    this.#timeoutMs = options.sendTimeoutMs ?? SEND_TIMEOUT_MS;
    this.#messagesMax = options.queueMessagesMax ?? QUEUE_MESSAGES_MAX;
    this.#bytesMax = options.queueBytesMax ?? QUEUE_BYTES_MAX;
  }

  async send(group, message, options = {}) {
    const { end } = this.#connection;
    if (end) throw new ChannelError(end.code, end.text, { group });
    const body = toBody(message, group);
    const key = options.key ?? randomKey();
    const answer = await this.#add({
      cmd: 'send_to_group',
      group,
      fields: { key },
      body,
      timeoutMs: Math.min(options.timeoutMs ?? this.#timeoutMs, SEND_TIMEOUT_MAX_MS),
    });
    const { epoch, offset, duplicate = false } = answer;
    return { epoch, offset, duplicate, key };
  }

  // Waits until the membership is joined. owner: the Subscription whose end ends the request, too.
  async history(membership, owner, fields) {
    const { group } = membership;
    const { epoch, offset, recovered, publications, more } = await this.#add({
      cmd: 'history',
      group,
      fields,
      timeoutMs: this.#timeoutMs,
      membership,
      owner,
    });
    const whole = publications.map((frame) => toPublication({ epoch, group_id: group, ...frame }));
    return { epoch, offset, recovered, publications: whole, more };
  }

  // Sends all requests that may be sent now.
  pump() {
    for (const request of this.#requests.values()) this.#transmit(request);
  }

  onLost() {
    for (const { timer } of this.#holds.values()) this.#environment.clearTimeout(timer);
    this.#holds.clear();
    for (const request of this.#requests.values()) {
      if (request.state === 'sent') request.isUnsure = true;
      request.isRepeat = request.isUnsure;
      request.state = 'waiting';
    }
  }

  // True if the frame was an answer to something in here.
  onAnswer(frame) {
    const request = this.#requests.get(frame.id);
    if (!request) return false;
    if (frame.event !== 'error') {
      this.#remove(request);
      request.resolve(frame);
    } else if (frame.retryable) {
      request.isUnsure = true;
      request.state = 'waiting';
      this.#hold(this.#laneOf(request), spread(this.#environment, frame.retry_ms ?? RETRY_MS));
    } else {
      request.state = 'waiting'; // this attempt is known to have failed
      this.#fail(request, frame.code, frame.message);
    }
    return true;
  }

  // Rejects all requests, or those of one owner.
  fail(code, message, owner) {
    for (const request of [...this.#requests.values()]) {
      if (!owner || request.owner === owner) this.#fail(request, code, message);
    }
  }

  // call: {cmd, group, fields, timeoutMs} and, if any, body (see toBody), membership and owner
  #add(call) {
    const { group, cmd, fields, body, timeoutMs } = call;
    const id = this.#connection.nextId();
    let text = JSON.stringify({ id, cmd, group_id: group, ...fields });
    if (body !== undefined) text = `${text.slice(0, -1)},${body}}`;
    const bytes = encoder.encode(text).length;
    const refusal = this.#whyRefused(text, bytes);
    if (refusal) return Promise.reject(new ChannelError(...refusal, { group }));
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      const request = {
        ...call,
        id,
        text,
        bytes,
        resolve,
        reject,
        state: 'waiting', // waiting ⇄ sent (on this connection, not answered)
        isUnsure: false, // it may have been carried out by an earlier attempt
        isRepeat: false, // it was under way when a connection was lost
        firstSentAt: undefined, // by the wall clock
        expiresAt: this.#environment.now() + timeoutMs,
      };
      request.timer = this.#environment.setTimeout(() => this.#expire(request), timeoutMs);
      this.#requests.set(id, request);
      this.#transmit(request);
    });
  }

  // Code and text of the error with which a new request is refused, if it is.
  #whyRefused(text, bytes) {
    if (bytes > this.#connection.messageBytesMax) return ['too_large', this.#tooLargeText(bytes)];
    // An edge answers what it cannot read without the id, so nobody would learn of it.
    if (HALF_CHARACTER.test(text)) {
      const why = 'it has half of a character, a lone surrogate';
      return ['bad_request', `the server could not read the message: ${why}`];
    }
    const { size } = this.#requests;
    if (size >= this.#messagesMax || this.#bytes + bytes > this.#bytesMax) {
      return ['queue_full', `${size} messages of ${this.#bytes} bytes wait already`];
    }
    return undefined;
  }

  #transmit(request) {
    if (!this.#maySend(request)) return;
    if (this.#isTooOld(request)) {
      this.#expire(request);
    } else if (request.bytes > this.#connection.messageBytesMax) {
      this.#fail(request, 'too_large', this.#tooLargeText(request.bytes));
    } else {
      request.state = 'sent';
      request.firstSentAt ??= this.#environment.wallNow();
      this.#connection.transmit(request.id, request.text);
    }
  }

  #maySend(request) {
    const { state, membership, group } = request;
    const connection = this.#connection;
    if (state === 'sent' || !connection.isOpen) return false;
    if (this.#holds.has(this.#laneOf(request))) return false;
    const isReady = membership ? membership.state === 'joined' : connection.state === 'open';
    return isReady && this.#isJoinSent(group);
  }

  // The timer may be late (a tab that slept), and sending late could publish twice. While a laptop
  // sleeps, performance.now() stands still in some browsers. So the wall clock counts, too, before
  // a message is sent again on another connection. If somebody only set that clock forward, a send
  // is given up that could have been tried once more, which is the lesser harm.
  #isTooOld({ expiresAt, isRepeat, firstSentAt }) {
    const { now, wallNow } = this.#environment;
    return now() >= expiresAt || (isRepeat && wallNow() - firstSentAt >= SEND_TIMEOUT_MAX_MS);
  }

  // Requests that wait together: the sends of a group keep their order, histories have none.
  #laneOf({ membership, id, group }) {
    return membership ? id : group;
  }

  #hold(lane, ms) {
    const due = this.#environment.now() + ms;
    const held = this.#holds.get(lane);
    if (held?.due >= due) return;
    this.#environment.clearTimeout(held?.timer);
    const timer = this.#environment.setTimeout(() => {
      this.#holds.delete(lane);
      this.pump();
    }, ms);
    this.#holds.set(lane, { timer, due });
  }

  #expire(request) {
    const maybe = request.state === 'sent' || request.isUnsure;
    const what = maybe ? 'it may have been published all the same' : 'it was not sent';
    this.#fail(request, 'timeout', `no answer in ${request.timeoutMs / 1000} s; ${what}`);
  }

  #fail(request, code, message) {
    this.#remove(request);
    const { cmd, state, isUnsure, group } = request;
    const maybePublished = cmd === 'send_to_group' && (state === 'sent' || isUnsure);
    request.reject(new ChannelError(code, message, { maybePublished, group }));
  }

  #remove(request) {
    this.#environment.clearTimeout(request.timer);
    this.#requests.delete(request.id);
    this.#bytes -= request.bytes;
  }

  #tooLargeText(bytes) {
    const limit = this.#connection.messageBytesMax;
    return `the message is too large: ${bytes} bytes with its JSON, the server takes ${limit}`;
  }
}
