// The messages of one group that this tab has sent and that are not at their place in the log yet:
// they are being sent, or acknowledged and still to come, or offered to be sent again.

import { randomKey } from '../channel.js';
import { button, element, messageLine } from './elements.js';

const SEND_TIMEOUT_MS = 60_000;
const SAFE_MS = 110_000; // the service knows a key for 2 minutes, and the edge has 10 s of them

// Returns a function that tells how many milliseconds have passed since. When the two clocks differ
// the greater counts: one stands still in some browsers while a laptop sleeps, and the other can be
// set.
function agesFrom() {
  const start = { monotonic: performance.now(), wall: Date.now() };
  return () => Math.max(performance.now() - start.monotonic, Date.now() - start.wall);
}

export class PendingMessages {
  // key → {key, text, typed (the text without the name), line, age(), state, position, offer}
  // state: sending → acknowledged (at `position`) → passed (it was lost with its log), or
  // sending → offered (to be sent again or discarded) → sending
  #messages = new Map();
  #log;
  #view;

  // view: {send(text, options), remember(key), isMine({key, epoch, offset}), position(),
  // isCaughtUp(), show(), edit(text), changed()}
  constructor(log, view) {
    this.#log = log;
    this.#view = view;
  }

  get size() {
    return this.#messages.size;
  }

  // typed: the text as the person typed it, for another try.
  send(text, typed) {
    const key = randomKey();
    const message = { key, text, typed, line: messageLine(text), age: agesFrom() };
    message.line.classList.add('mine');
    this.#messages.set(key, message);
    this.#view.remember(key);
    this.#transmit(message, SEND_TIMEOUT_MS);
  }

  // A message came. Returns false if none with this key is pending.
  arrived(key, time) {
    const message = this.#messages.get(key);
    if (message) this.#place(message, time);
    return message !== undefined;
  }

  // The log begins anew with this epoch.
  epochBegan(epoch) {
    for (const message of this.#messages.values()) {
      const isLost = message.state === 'acknowledged' && message.position.epoch !== epoch;
      if (isLost) message.state = 'passed';
    }
  }

  // A message that is acknowledged and not after this position is in a gap and does not come back:
  // here is its place.
  placePassed({ epoch, offset }) {
    for (const message of this.#messages.values()) {
      const { state, position } = message;
      const isBefore =
        state === 'acknowledged' && position.epoch === epoch && position.offset <= offset;
      if (isBefore || state === 'passed') this.#place(message, Date.now());
    }
  }

  render() {
    for (const message of this.#messages.values()) this.#renderOffer(message);
  }

  async #transmit(message, timeoutMs) {
    const { key, text, line } = message;
    message.state = 'sending';
    line.classList.add('pending');
    this.#log.placePending(line, 'sending…');
    try {
      const position = await this.#view.send(text, { key, timeoutMs });
      this.#view.isMine({ key, ...position }); // there, and only there
      message.state = 'acknowledged';
      message.position = position;
    } catch (error) {
      if (this.#messages.has(key)) this.#offerAgain(message, error);
      return;
    }
    if (!this.#messages.has(key)) return; // it came already
    line.classList.remove('pending', 'unconfirmed');
    line.querySelector('time').textContent = 'sent';
    const reached = this.#view.position();
    if (reached) this.placePassed(reached);
  }

  #place(message, time) {
    this.#messages.delete(message.key);
    message.line.classList.remove('pending', 'unconfirmed');
    message.line.querySelector('.retry')?.remove();
    this.#log.place(message.line, time);
  }

  // The message is sent again with its key: if the first attempt did succeed, the message is in the
  // log only once, for as long as the service knows the key.
  #offerAgain(message, error) {
    const { line } = message;
    message.state = 'offered';
    line.classList.add('unconfirmed');
    line.querySelector('time').textContent = '';
    const what = element('span', '', `Not sent: ${error.message}.`);
    const isUseless = error.code === 'too_large' || error.code === 'bad_request';
    const change = isUseless
      ? button('Edit', () => this.#edit(message))
      : button('Send again', () => this.#sendAgain(message));
    const discard = button('Discard', () => this.#discard(message));
    const retry = element('p', 'retry');
    retry.append(what, change, discard);
    line.append(retry);
    message.offer = error.maybePublished ? { what, change } : null;
    if (message.offer) {
      this.#renderOffer(message);
      setTimeout(() => this.#view.changed(), this.#safeMs(message)); // the text changes then
    }
    this.#log.grown();
  }

  #endOffer(message) {
    message.offer = null;
    message.line.querySelector('.retry').remove();
    this.#log.forget(message.line);
    this.#view.show(); // the button had the focus and is gone
  }

  #sendAgain(message) {
    this.#endOffer(message);
    message.line.classList.remove('unconfirmed');
    const safeMs = this.#safeMs(message);
    this.#transmit(message, safeMs > 0 ? Math.min(safeMs, SEND_TIMEOUT_MS) : SEND_TIMEOUT_MS);
  }

  #discard(message) {
    this.#endOffer(message);
    this.#messages.delete(message.key);
  }

  #edit(message) {
    this.#discard(message);
    this.#view.edit(message.typed);
  }

  #safeMs({ age }) {
    return SAFE_MS - age();
  }

  // A message that is in the log comes by itself, so nothing is offered before the end of the log.
  #renderOffer(message) {
    if (message.state !== 'offered' || !message.offer) return;
    const { what, change } = message.offer;
    const isSafe = this.#safeMs(message) > 0;
    const again = isSafe ? '' : ' If you send it again it may then appear twice.';
    const text = `Not confirmed, it may have arrived.${again}`;
    if (what.textContent !== text) what.textContent = text;
    change.disabled = !this.#view.isCaughtUp();
  }
}
