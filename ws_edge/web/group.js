// One joined group in the page: its entry in the list, its talk, what is unread, and what was sent
// and is not in its place yet. Whatever other people wrote goes into the page as text only
// (textContent), never as markup.

import { randomKey } from './channel.js';
import { Talk, button, clock, element, messageLine } from './talk.js';

const HISTORY = 50; // messages shown of before the join
const GAPS_MAX = 100; // told in channelCounters
const SEND_TIMEOUT_MS = 60_000;
const SAFE_MS = 110_000; // the service knows a key for 2 minutes, and the edge has 10 s of them

// Returns a function that tells how many milliseconds have passed since. When the two clocks differ
// it believes the greater: one stands still in some browsers while a laptop sleeps, and the other
// can be set.
function agesFrom() {
  const start = { monotonic: performance.now(), wall: Date.now() };
  return () => Math.max(performance.now() - start.monotonic, Date.now() - start.wall);
}

export const STATE_TEXT = {
  connecting: 'Connecting…',
  unreachable: 'Cannot connect yet…',
  unavailable: 'Waiting for the service…',
  open: 'Connected',
  resuming: 'Catching up…',
  reconnecting: 'Reconnecting…',
  failed: 'Not joined',
  stopped: 'Disconnected',
};

const GAP_TEXT = {
  retention: 'the server does not keep messages that long',
  epoch: 'the server was started again and lost them',
  position: 'the server went back to an older state, and what it still holds is shown again',
  hole: 'they were lost on the way',
};

export class Group {
  unread = 0;
  draft = ''; // what is typed and not sent, while another group is on show
  trouble = false; // an error that was not looked at yet
  entry = element('li', ''); // for the list of groups
  gaps = []; // the newest: {group, epoch, after, before, reason}
  #client;
  #page;
  #subscription;
  #talk;
  // What is not in place yet: key → {text, typed (the text without the name), line, since, sent
  // (its position once acknowledged), offer (to send it again, if that waits: {what, change})}
  #own = new Map();
  #historyEnd = null; // what is not newer was there before us, and is no news
  #head = null; // of the log when it was joined last, or began anew
  #recovered = true;
  #newest; // time of the newest message
  #lostAt = 0; // 0: not lost
  #lostNote = null;
  #tab;
  #badge = element('span', 'badge');
  #hint = element('span', 'hidden');

  // page: {show(group), isOnShow(group), changed(), edit(text), ownMessages}; changed: render()
  // would change it
  constructor(id, client, page) {
    this.id = id;
    this.#client = client;
    this.#page = page;
    this.#tab = button('', () => page.show(this));
    const name = element('span', 'name', id);
    name.dir = 'auto';
    this.#badge.setAttribute('aria-hidden', 'true'); // the hint says it in words
    this.#tab.append(name, this.#badge, this.#hint);
    this.#tab.title = id;
    this.entry.append(this.#tab);
    this.#talk = new Talk(`Messages of group ${id}`, { newBelow: () => page.changed() });
    this.join();
  }

  get log() {
    return this.#talk.log;
  }

  get newBelow() {
    return this.#talk.newBelow;
  }

  get state() {
    if (this.#client.state !== 'open') return this.#client.state;
    const { state } = this.#subscription;
    return { joining: 'connecting', joined: 'open' }[state] ?? state;
  }

  get hasPending() {
    return this.#own.size > 0;
  }

  // All that was in the log at the last join came, or is known to be lost. While nothing came at
  // all nothing tells where the end is, so this counts as one.
  get #isCaughtUp() {
    if (this.state !== 'open') return false;
    const { position } = this.#subscription;
    if (!position) return true;
    return position.epoch === this.#head.epoch && position.offset >= this.#head.offset;
  }

  get canSend() {
    return this.state !== 'stopped' && this.state !== 'failed';
  }

  // Also again, after it was refused; then from where it ended.
  join() {
    const since = this.#subscription?.position;
    this.log.ariaBusy = 'true'; // nobody wants the history read aloud
    this.#subscription = this.#client.join(this.id, since ? { since } : { last: HISTORY });
    const on = (type, listener) => this.#subscription.addEventListener(type, listener);
    on('message', (event) => this.#received(event));
    on('gap', (event) => this.#missed(event));
    on('state', (event) => this.#stateChanged(event));
    on('error', (event) => this.#reported(event));
    this.#page.changed();
  }

  send(text, typed) {
    const key = randomKey();
    const own = { text, typed, line: messageLine(text), since: agesFrom() };
    own.line.classList.add('mine');
    this.#own.set(key, own);
    this.#page.ownMessages.remember(this.id, key);
    this.#transmit(key, own, SEND_TIMEOUT_MS);
  }

  leave() {
    this.#subscription.leave();
    this.entry.remove();
    this.log.remove();
  }

  scrollToEnd() {
    this.#talk.scrollToEnd();
  }

  render() {
    if (this.#isRead()) {
      this.unread = 0;
      this.trouble = false;
    }
    const unread = this.unread ? `, ${this.unread} unread` : '';
    const trouble = this.trouble ? ', has an error' : '';
    this.#tab.setAttribute('aria-current', String(this.#page.isOnShow(this)));
    this.entry.dataset.state = this.state;
    this.log.dataset.state = this.state;
    this.entry.classList.toggle('trouble', this.trouble);
    this.#badge.textContent = this.unread > 99 ? '99+' : this.unread || '';
    this.#hint.textContent = `${unread}${trouble}, ${STATE_TEXT[this.state]}`;
    this.log.hidden = !this.#page.isOnShow(this);
    for (const own of this.#own.values()) this.#renderOffer(own);
  }

  #isRead() {
    return this.#page.isOnShow(this) && !document.hidden;
  }

  #received({ epoch, offset, time, key, message, data }) {
    this.#newest = time;
    const isMine = this.#page.ownMessages.isMine({ group: this.id, key, epoch, offset });
    const own = isMine && this.#own.get(key);
    if (own) {
      this.#own.delete(key);
      this.#place(own, time);
    } else {
      let text = typeof message === 'string' ? message : JSON.stringify(message);
      if (data) text = `[${data.length} bytes that are not text]`;
      const line = messageLine(text);
      line.classList.toggle('mine', isMine);
      this.#talk.place(line, time);
      const history = epoch === this.#historyEnd?.epoch && offset <= this.#historyEnd.offset;
      if (!history && !isMine && !this.#isRead()) {
        this.unread++;
        this.#page.changed();
      }
    }
    this.#proceeded();
  }

  // The position or the state is another one.
  #proceeded() {
    if (this.#isCaughtUp) {
      this.#found();
      // In a task of its own, or what came in this one would be read aloud.
      const isHistoryPassed = this.#subscription.position || this.#head.offset === 0;
      if (isHistoryPassed) setTimeout(() => (this.log.ariaBusy = 'false'), 0);
    }
    if (this.#own.size > 0) this.#page.changed(); // one may be offered to be sent again
  }

  #missed({ group, epoch, after, before, reason }) {
    this.gaps.push({ group, epoch, after, before, reason });
    if (this.gaps.length > GAPS_MAX) this.gaps.shift();
    // If the join did not tell of it, it told the end of another log.
    const isOther = epoch !== this.#head.epoch || (reason === 'position' && this.#recovered);
    if (isOther) this.#head = { epoch, offset: before - 1 };
    for (const { sent } of this.#own.values()) {
      if (sent && sent.epoch !== epoch) sent.passed = true; // of the epoch that was lost
    }
    this.#placePassed({ epoch, offset: before - 1 });
    const sent = this.#newest ? `sent after ${clock(this.#newest)} ` : '';
    const why = GAP_TEXT[reason] ?? reason;
    this.#note(`Messages ${sent}may be missing here: ${why}.`, 'error');
    this.#proceeded();
  }

  #stateChanged({ state, recovered, head, error }) {
    if (state === 'joined') {
      this.#historyEnd ??= head;
      this.#head = head;
      this.#recovered = recovered;
      this.#proceeded();
    } else if (state === 'resuming' && this.#client.state === 'reconnecting' && !this.#lostAt) {
      this.#lostAt = performance.now();
      const text = 'Connection lost. It comes back by itself.';
      this.#lostNote = this.#talk.note(text, 'info', 'connection');
    } else if (state === 'failed' && error.code !== 'stopped') {
      this.#note(`This group cannot be joined: ${error.message}`, 'error');
    } // else the page tells it, for all groups
    this.#page.changed();
  }

  // The note of the loss becomes one of what came of it.
  #found() {
    if (!this.#lostAt) return;
    const seconds = Math.max(1, Math.round((performance.now() - this.#lostAt) / 1000));
    this.#lostAt = 0;
    const lossText = 'Not all of what was sent is still there.';
    const end = this.#recovered ? 'Nothing was missed.' : lossText;
    this.#lostNote.querySelector('p').textContent = `Connected again after ${seconds} s. ${end}`;
  }

  #reported({ code, message }) {
    // It is being repaired; if that fails a gap follows. A refused join is told as the state, and
    // that the service is away by the page.
    if (code === 'hole' || this.#subscription.state === 'failed') return;
    if (code === 'unavailable' && this.#client.state === 'unavailable') return;
    this.#note(`The server says: ${message} (${code})`, 'error');
  }

  #note(text, kind) {
    this.#talk.note(text, kind);
    if (kind === 'error') this.trouble = true;
    this.#page.changed();
  }

  async #transmit(key, own, timeoutMs) {
    own.line.classList.add('pending');
    this.#talk.placePending(own.line, 'sending…');
    try {
      own.sent = await this.#subscription.send(own.text, { key, timeoutMs });
      this.#page.ownMessages.isMine({ group: this.id, key, ...own.sent }); // there, and only there
    } catch (error) {
      if (this.#own.has(key)) this.#offerAgain(key, own, error);
      return;
    }
    if (!this.#own.has(key)) return; // it came already
    own.line.classList.remove('pending', 'unconfirmed');
    own.line.querySelector('time').textContent = 'sent';
    const { position } = this.#subscription;
    if (position) this.#placePassed(position);
  }

  // What is acknowledged and not after this position is in a gap and does not come back to us: here
  // is its place.
  #placePassed({ epoch, offset }) {
    for (const [key, own] of this.#own) {
      const { sent } = own;
      if (!sent?.passed && !(sent?.epoch === epoch && sent.offset <= offset)) continue;
      this.#own.delete(key);
      this.#place(own, Date.now());
    }
  }

  #place(own, time) {
    own.line.classList.remove('pending', 'unconfirmed');
    own.line.querySelector('.retry')?.remove();
    this.#talk.place(own.line, time);
  }

  // The same key again: if the first try did succeed, the message is still there only once, for as
  // long as the service knows the key.
  #offerAgain(key, own, { code, message, maybePublished }) {
    own.line.classList.add('unconfirmed');
    own.line.querySelector('time').textContent = '';
    const what = element('span', '', `Not sent: ${message}.`);
    const retry = element('p', 'retry');
    const end = () => {
      retry.remove();
      own.offer = null;
      this.#talk.forget(own.line);
      this.#page.show(this); // the button had the focus and is gone
    };
    const again = () => {
      end();
      own.line.classList.remove('unconfirmed');
      const safeMs = this.#safeMs(own);
      this.#transmit(key, own, safeMs > 0 ? Math.min(safeMs, SEND_TIMEOUT_MS) : SEND_TIMEOUT_MS);
    };
    const discard = () => {
      end();
      this.#own.delete(key);
    };
    const edit = () => {
      discard();
      this.#page.edit(own.typed);
    };
    const useless = code === 'too_large' || code === 'bad_request';
    const change = useless ? button('Edit', edit) : button('Send again', again);
    retry.append(what, change, button('Discard', discard));
    own.line.append(retry);
    if (maybePublished) {
      own.offer = { what, change };
      this.#renderOffer(own);
      setTimeout(() => this.#page.changed(), this.#safeMs(own)); // it says something else then
    }
    this.#talk.grown();
  }

  #safeMs({ since }) {
    return SAFE_MS - since();
  }

  // If the message is in the log it comes by itself, so nothing is offered before.
  #renderOffer(own) {
    if (!own.offer) return;
    const { what, change } = own.offer;
    const again = this.#safeMs(own) > 0 ? '' : ' If you send it again it may then appear twice.';
    const text = `Not confirmed, it may have arrived.${again}`;
    if (what.textContent !== text) what.textContent = text;
    change.disabled = !this.#isCaughtUp;
  }
}
