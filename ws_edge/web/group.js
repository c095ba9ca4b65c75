// One joined group in the page: its entry in the list, its talk, what is unread, and what was sent
// and is not in its place yet. Whatever other people wrote goes into the page as text only
// (textContent), never as markup.

import { randomKey } from './channel.js';
import { Talk, button, clock, element, messageLine } from './talk.js';

const HISTORY = 50; // messages shown of before the join
const GAPS_MAX = 100; // told in channelCounters
const SHOWN_MAX = 2000; // keys and positions remembered to notice what would be shown twice

export const STATE_TEXT = {
  connecting: 'Connecting…',
  open: 'Connected',
  resuming: 'Catching up…',
  reconnecting: 'Reconnecting…',
  failed: 'Not joined',
  stopped: 'Disconnected',
};

const GAP_TEXT = {
  retention: 'the server does not keep messages that long',
  epoch: 'the server was started again and lost them',
  slow: 'this page could not read them fast enough',
  overload: 'the server had too much to do',
  hole: 'they were lost on the way',
};

export class Group {
  unread = 0;
  trouble = false; // an error that was not looked at yet
  entry = element('li', ''); // for the list of groups
  shownTwice = 0; // messages, by our own count; never, if the client is right
  gaps = []; // the newest: {group, epoch, after, before, reason}
  #client;
  #page;
  #subscription;
  #talk;
  #own = new Map(); // key → {text, line, sent: its position once acknowledged}, not in place yet
  #shown = new Set(); // keys of messages, and positions as "epoch/offset"
  #historyEnd = null; // what is not newer was there before us, and is no news
  #newest; // time of the newest message, or of the join
  #lostAt = 0; // 0: not lost
  #lostNote = null;
  #tab;
  #badge = element('span', 'badge');
  #hint = element('span', 'hidden');

  // page: {show(group), isOnShow(group), changed(), edit(text)}; changed: render() would change it
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

  get canSend() {
    return this.state !== 'stopped' && this.state !== 'failed';
  }

  // Also again, after it was refused.
  join() {
    this.#newest = Date.now();
    this.#subscription = this.#client.join(this.id, { last: HISTORY });
    const on = (type, listener) => this.#subscription.addEventListener(type, listener);
    on('message', (event) => this.#received(event));
    on('gap', (event) => this.#missed(event));
    on('state', (event) => this.#stateChanged(event));
    on('error', (event) => this.#reported(event));
    this.#page.changed();
  }

  send(text) {
    const key = randomKey();
    const entry = { text, line: messageLine(text), sent: null };
    entry.line.classList.add('mine');
    this.#own.set(key, entry);
    this.#transmit(key, entry);
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
  }

  #isRead() {
    return this.#page.isOnShow(this) && !document.hidden;
  }

  #received({ epoch, offset, time, key, message, data }) {
    this.#newest = time;
    this.#count([`${epoch}/${offset}`, key]);
    const own = this.#own.get(key);
    if (own) {
      this.#own.delete(key);
      this.#place(own, time);
      return;
    }
    let text = typeof message === 'string' ? message : JSON.stringify(message);
    if (data) text = `[${data.length} bytes that are not text]`;
    this.#talk.place(messageLine(text), time);
    const history = epoch === this.#historyEnd?.epoch && offset <= this.#historyEnd.offset;
    if (history || this.#isRead()) return;
    this.unread++;
    this.#page.changed();
  }

  // Independent of the client, which should never let one come twice.
  #count(names) {
    if (names.some((name) => this.#shown.has(name))) this.shownTwice++;
    for (const name of names) if (name !== undefined) this.#shown.add(name);
    while (this.#shown.size > SHOWN_MAX) this.#shown.delete(this.#shown.values().next().value);
  }

  #missed({ group, epoch, after, before, reason }) {
    this.gaps.push({ group, epoch, after, before, reason });
    if (this.gaps.length > GAPS_MAX) this.gaps.shift();
    for (const { sent } of this.#own.values()) {
      if (sent && sent.epoch !== epoch) sent.passed = true; // of the epoch that was lost
    }
    this.#placePassed({ epoch, offset: before - 1 });
    const range = `between ${clock(this.#newest)} and ${clock(Date.now())}`;
    const why = GAP_TEXT[reason] ?? reason;
    this.#note(`Messages sent ${range} may be missing here: ${why}.`, 'error');
    this.#newest = Date.now();
  }

  #stateChanged({ state, recovered, error }) {
    if (state === 'joined') {
      this.#historyEnd ??= this.#subscription.position;
      this.#found(recovered);
    } else if (state === 'resuming' && this.#client.state !== 'open' && !this.#lostAt) {
      this.#lostAt = Date.now();
      const text = 'Connection lost. It comes back by itself.';
      this.#lostNote = this.#talk.note(text, 'info', 'connection');
    } else if (state === 'failed') {
      const what =
        error.code === 'stopped' ? 'Not connected any more' : 'This group cannot be joined';
      this.#note(`${what}: ${error.message}`, 'error');
    }
    this.#page.changed();
  }

  // The note of the loss becomes one of what came of it.
  #found(recovered) {
    if (!this.#lostAt) return;
    const seconds = Math.max(1, Math.round((Date.now() - this.#lostAt) / 1000));
    this.#lostAt = 0;
    const end = recovered ? 'Nothing was missed.' : 'Not all of what was sent is still there.';
    this.#lostNote.querySelector('p').textContent = `Connected again after ${seconds} s. ${end}`;
  }

  #reported({ code, message }) {
    // It is being repaired; if that fails a gap follows. A refused join is told as the state.
    if (code === 'hole' || this.#subscription.state === 'failed') return;
    this.#note(`The server says: ${message} (${code})`, 'error');
  }

  #note(text, kind) {
    this.#talk.note(text, kind);
    if (kind === 'error') this.trouble = true;
    this.#page.changed();
  }

  async #transmit(key, own) {
    own.line.classList.add('pending');
    this.#talk.placePending(own.line, 'sending…');
    try {
      own.sent = await this.#subscription.send(own.text, { key });
      if (!this.#own.has(key)) return; // it came already
      own.line.classList.remove('pending', 'unconfirmed');
      own.line.querySelector('time').textContent = 'sent';
      this.#placePassed(this.#subscription.position);
    } catch (error) {
      if (this.#own.has(key)) this.#offerAgain(key, own, error);
    }
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

  // The same key again: if the first try did succeed, the message is still there only once.
  #offerAgain(key, own, { code, message, maybePublished }) {
    own.line.classList.add('unconfirmed');
    own.line.querySelector('time').textContent = '';
    const what = maybePublished ? 'Not confirmed, it may have arrived.' : `Not sent: ${message}.`;
    const retry = element('p', 'retry', what);
    const end = () => {
      retry.remove();
      this.#talk.forget(own.line);
      this.#page.show(this); // the button had the focus and is gone
    };
    const again = () => {
      end();
      own.line.classList.remove('unconfirmed');
      this.#transmit(key, own);
    };
    const discard = () => {
      end();
      this.#own.delete(key);
    };
    const edit = () => {
      discard();
      this.#page.edit(own.text);
    };
    const change = code === 'too_large' ? button('Edit', edit) : button('Send again', again);
    retry.append(change, button('Discard', discard));
    own.line.append(retry);
    this.#talk.grown();
  }
}
