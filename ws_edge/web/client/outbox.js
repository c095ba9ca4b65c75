import { HALF_CHARACTER } from './bodies.js';
import { RETRY_MS, SEND_TIMEOUT_MAX_MS } from './limits.js';
import { ChannelError } from './tell.js';

const encoder = new TextEncoder();

// What waits for its answer, in the order of the calls. After a loss all of it is sent again, in
// order and with its keys, so that it is published once whatever the lost connection had done. That
// holds while the service remembers the keys, so a message that is older is given up and not sent.
//
// After a retryable error the sends of the group are held: what was called later waits behind the
// message that failed. Only what was on its way already when the error came may overtake.
export class Outbox {
  #core;
  #requests = new Map(); // id → request
  #holds = new Map(); // group, or id of a history → {timer, due}
  #bytes = 0;

  constructor(core) {
    this.#core = core;
  }

  // request: {group, cmd, fields, body (see toBody, if any), timeoutMs, needs (a Membership that
  // must be joined, if any), owner (a Subscription that it ends with, if any)}
  add(request) {
    const { group, cmd, fields, body, timeoutMs } = request;
    const id = this.#core.nextId();
    let text = JSON.stringify({ id, cmd, group_id: group, ...fields });
    if (body !== undefined) text = `${text.slice(0, -1)},${body}}`;
    const bytes = encoder.encode(text).length;
    const refuse = (code, what) => Promise.reject(new ChannelError(code, what, { group }));
    if (bytes > this.#core.messageBytesMax) return refuse('too_large', this.#tooLargeText(bytes));
    // An edge answers what it cannot read without the id, so nobody would learn of it.
    if (HALF_CHARACTER.test(text)) {
      const why = 'it has half of a character, a lone surrogate';
      return refuse('bad_request', `the server could not read the message: ${why}`);
    }
    const { queueMessagesMax, queueBytesMax } = this.#core.options;
    if (this.#requests.size >= queueMessagesMax || this.#bytes + bytes > queueBytesMax) {
      const what = `${this.#requests.size} messages of ${this.#bytes} bytes wait already`;
      return refuse('queue_full', what);
    }
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      // sent: on this connection, not answered; unsure: what became of an earlier time is not known
      const entry = { ...request, id, text, bytes, resolve, reject, sent: false, unsure: false };
      entry.expires = this.#core.env.now() + timeoutMs;
      entry.timer = this.#core.env.setTimeout(() => this.#expire(entry), timeoutMs);
      entry.firstSentAt = undefined; // by the wall clock
      entry.isRepeat = false; // a connection was lost since
      this.#requests.set(id, entry);
      this.#transmit(entry);
    });
  }

  // Sends what may be sent.
  pump() {
    for (const entry of this.#requests.values()) this.#transmit(entry);
  }

  onLost() {
    for (const { timer } of this.#holds.values()) this.#core.env.clearTimeout(timer);
    this.#holds.clear();
    for (const entry of this.#requests.values()) {
      entry.unsure ||= entry.sent;
      entry.isRepeat ||= entry.unsure;
      entry.sent = false;
    }
  }

  // True if the frame was an answer to something in here.
  onAnswer(frame) {
    const entry = this.#requests.get(frame.id);
    if (!entry) return false;
    if (frame.event !== 'error') {
      this.#remove(entry);
      entry.resolve(frame);
    } else if (frame.retryable) {
      entry.unsure = true;
      entry.sent = false;
      this.#hold(this.#lane(entry), this.#core.spread(frame.retry_ms ?? RETRY_MS));
    } else {
      entry.sent = false;
      this.#fail(entry, frame.code, frame.message);
    }
    return true;
  }

  // Gives up all, or what has that owner.
  fail(code, message, owner) {
    for (const entry of [...this.#requests.values()]) {
      if (!owner || entry.owner === owner) this.#fail(entry, code, message);
    }
  }

  #transmit(entry) {
    if (entry.sent || !this.#core.isOpen || this.#holds.has(this.#lane(entry))) return;
    if (entry.needs ? entry.needs.state !== 'joined' : this.#core.state === 'unavailable') return;
    if (!this.#core.hasAsked(entry.group)) return; // a member gets what it sends
    if (this.#isTooOld(entry)) {
      this.#expire(entry);
    } else if (entry.bytes > this.#core.messageBytesMax) {
      this.#fail(entry, 'too_large', this.#tooLargeText(entry.bytes));
    } else {
      entry.sent = true;
      entry.firstSentAt ??= this.#core.env.wallNow();
      this.#core.transmit(entry.id, entry.text);
    }
  }

  // The timer may be late (a tab that slept), and sending late could publish twice. While a laptop
  // sleeps, performance.now() stands still in some browsers. So before anything is sent again on
  // another connection the wall clock is asked, too: if it was only set forward, a send is given up
  // that could have been tried once more, which is the lesser harm.
  #isTooOld({ expires, isRepeat, firstSentAt }) {
    const { now, wallNow } = this.#core.env;
    return now() >= expires || (isRepeat && wallNow() - firstSentAt >= SEND_TIMEOUT_MAX_MS);
  }

  // What waits together: the sends of a group keep their order, a history has none.
  #lane({ needs, id, group }) {
    return needs ? id : group;
  }

  #hold(lane, ms) {
    const due = this.#core.env.now() + ms;
    const held = this.#holds.get(lane);
    if (held?.due >= due) return;
    this.#core.env.clearTimeout(held?.timer);
    const timer = this.#core.env.setTimeout(() => {
      this.#holds.delete(lane);
      this.pump();
    }, ms);
    this.#holds.set(lane, { timer, due });
  }

  #expire(entry) {
    const unsure = entry.sent || entry.unsure;
    const what = unsure ? 'it may have been published all the same' : 'it was not sent';
    this.#fail(entry, 'timeout', `no answer in ${entry.timeoutMs / 1000} s; ${what}`);
  }

  #fail(entry, code, message) {
    this.#remove(entry);
    const maybePublished = entry.cmd === 'send_to_group' && (entry.sent || entry.unsure);
    entry.reject(new ChannelError(code, message, { maybePublished, group: entry.group }));
  }

  #remove(entry) {
    this.#core.env.clearTimeout(entry.timer);
    this.#requests.delete(entry.id);
    this.#bytes -= entry.bytes;
  }

  #tooLargeText(bytes) {
    const limit = this.#core.messageBytesMax;
    return `the message is too large: ${bytes} bytes with its JSON, the server takes ${limit}`;
  }
}
