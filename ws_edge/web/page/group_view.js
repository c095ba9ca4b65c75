// One joined group in the page: its entry in the list of groups, its log, its pending messages, and
// the number of unread ones.

import { button, clockText, element, messageLine } from './elements.js';
import { MessageLog } from './message_log.js';
import { PendingMessages } from './pending_messages.js';

const HISTORY = 50; // messages from before the join that are shown
const GAPS_MAX = 100; // kept for channelCounters

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

export class GroupView {
  unread = 0;
  draft = ''; // typed and not sent, while another group is on show
  hasTrouble = false; // an error that nobody looked at yet
  entry = element('li', ''); // for the list of groups
  gaps = []; // the newest: {group, epoch, after, before, reason}
  #client;
  #page;
  #subscription;
  #log;
  #pending;
  #historyEnd = null; // messages up to here were there before this page, and are no news
  #head = null; // of the log when it was joined last, or began anew
  #recovered = true; // by the newest join
  #newestTime; // of a message
  #lostAt = null; // time of the loss, until all that was missed came
  #lostNote;
  #tab;
  #badge = element('span', 'badge');
  #hint = element('span', 'hidden');

  // page: {show(view), isOnShow(view), changed(), edit(text), ownMessages}; changed: render() would
  // change something
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
    this.#log = new MessageLog(`Messages of group ${id}`, { newBelow: () => page.changed() });
    this.#pending = this.#createPending();
    this.join();
  }

  get log() {
    return this.#log.node;
  }

  get newBelow() {
    return this.#log.newBelow;
  }

  get state() {
    if (this.#client.state !== 'open') return this.#client.state;
    const { state } = this.#subscription;
    return { joining: 'connecting', joined: 'open' }[state] ?? state;
  }

  get hasPending() {
    return this.#pending.size > 0;
  }

  get canSend() {
    return this.state !== 'stopped' && this.state !== 'failed';
  }

  // Joins, also again after a refusal: then from where the group ended.
  join() {
    const since = this.#subscription?.position;
    this.log.ariaBusy = 'true'; // the history is not to be read aloud
    this.#subscription = this.#client.join(this.id, since ? { since } : { last: HISTORY });
    const on = (type, listener) => this.#subscription.addEventListener(type, listener);
    on('message', (event) => this.#onMessage(event));
    on('gap', (event) => this.#onGap(event));
    on('state', (event) => this.#onState(event));
    on('error', (event) => this.#onError(event));
    this.#page.changed();
  }

  send(text, typed) {
    this.#pending.send(text, typed);
  }

  leave() {
    this.#subscription.leave();
    this.entry.remove();
    this.log.remove();
  }

  scrollToEnd() {
    this.#log.scrollToEnd();
  }

  render() {
    if (this.#isRead()) {
      this.unread = 0;
      this.hasTrouble = false;
    }
    const unread = this.unread ? `, ${this.unread} unread` : '';
    const trouble = this.hasTrouble ? ', has an error' : '';
    this.#tab.setAttribute('aria-current', String(this.#page.isOnShow(this)));
    this.entry.dataset.state = this.state;
    this.log.dataset.state = this.state;
    this.entry.classList.toggle('trouble', this.hasTrouble);
    this.#badge.textContent = this.unread > 99 ? '99+' : this.unread || '';
    this.#hint.textContent = `${unread}${trouble}, ${STATE_TEXT[this.state]}`;
    this.log.hidden = !this.#page.isOnShow(this);
    this.#pending.render();
  }

  #createPending() {
    const { ownMessages } = this.#page;
    return new PendingMessages(this.#log, {
      send: (text, options) => this.#subscription.send(text, options),
      remember: (key) => ownMessages.remember(this.id, key),
      isMine: (message) => ownMessages.isMine({ group: this.id, ...message }),
      position: () => this.#subscription.position,
      isCaughtUp: () => this.#isCaughtUp,
      show: () => this.#page.show(this),
      edit: (text) => this.#page.edit(text),
      changed: () => this.#page.changed(),
    });
  }

  // True if everything that the log held at the last join came, or is known to be lost. While there
  // is no position, nothing tells where the end is: then it is true, too.
  get #isCaughtUp() {
    if (this.state !== 'open') return false;
    const { position } = this.#subscription;
    if (!position) return true;
    return position.epoch === this.#head.epoch && position.offset >= this.#head.offset;
  }

  #isRead() {
    return this.#page.isOnShow(this) && !document.hidden;
  }

  #onMessage({ epoch, offset, time, key, message, data }) {
    this.#newestTime = time;
    const isMine = this.#page.ownMessages.isMine({ group: this.id, key, epoch, offset });
    if (!(isMine && this.#pending.arrived(key, time))) {
      let text = typeof message === 'string' ? message : JSON.stringify(message);
      if (data) text = `[${data.length} bytes that are not text]`;
      const line = messageLine(text);
      line.classList.toggle('mine', isMine);
      this.#log.place(line, time);
      const isHistory = epoch === this.#historyEnd?.epoch && offset <= this.#historyEnd.offset;
      if (!isHistory && !isMine && !this.#isRead()) {
        this.unread++;
        this.#page.changed();
      }
    }
    this.#onProgress();
  }

  // The position or the state has changed.
  #onProgress() {
    if (this.#isCaughtUp) {
      this.#tellFound();
      // In a task of its own, or the messages of this task would be read aloud.
      const isHistoryPassed = this.#subscription.position || this.#head.offset === 0;
      if (isHistoryPassed) setTimeout(() => (this.log.ariaBusy = 'false'), 0);
    }
    if (this.#pending.size > 0) this.#page.changed(); // one may be offered to be sent again
  }

  #onGap({ group, epoch, after, before, reason }) {
    this.gaps.push({ group, epoch, after, before, reason });
    if (this.gaps.length > GAPS_MAX) this.gaps.shift();
    // If the join did not tell of this gap, its head is of a log that is gone.
    const isHeadOld = epoch !== this.#head.epoch || (reason === 'position' && this.#recovered);
    if (isHeadOld) this.#head = { epoch, offset: before - 1 };
    this.#pending.epochBegan(epoch);
    this.#pending.placePassed({ epoch, offset: before - 1 });
    const sent = this.#newestTime ? `sent after ${clockText(this.#newestTime)} ` : '';
    const why = GAP_TEXT[reason] ?? reason;
    this.#note(`Messages ${sent}may be missing here: ${why}.`, 'error');
    this.#onProgress();
  }

  #onState({ state, recovered, head, error }) {
    if (state === 'joined') {
      this.#historyEnd ??= head;
      this.#head = head;
      this.#recovered = recovered;
      this.#onProgress();
    } else if (state === 'resuming') {
      this.#tellLost();
    } else if (state === 'failed' && error.code !== 'stopped') {
      this.#note(`This group cannot be joined: ${error.message}`, 'error');
    } // else the page tells it, for all groups
    this.#page.changed();
  }

  #onError({ code, message }) {
    // A hole is being repaired; if that fails, a gap follows. A refused join is told as the state,
    // and the page tells that the service is away.
    if (code === 'hole' || this.#subscription.state === 'failed') return;
    if (code === 'unavailable' && this.#client.state === 'unavailable') return;
    this.#note(`The server says: ${message} (${code})`, 'error');
  }

  #tellLost() {
    if (this.#client.state !== 'reconnecting' || this.#lostAt !== null) return;
    this.#lostAt = performance.now();
    const text = 'Connection lost. It comes back by itself.';
    this.#lostNote = this.#log.note(text, 'info', 'connection');
  }

  // The note of the loss becomes a note of how it ended.
  #tellFound() {
    if (this.#lostAt === null) return;
    const seconds = Math.max(1, Math.round((performance.now() - this.#lostAt) / 1000));
    this.#lostAt = null;
    const lossText = 'Not all of what was sent is still there.';
    const end = this.#recovered ? 'Nothing was missed.' : lossText;
    this.#lostNote.querySelector('p').textContent = `Connected again after ${seconds} s. ${end}`;
  }

  #note(text, kind) {
    this.#log.note(text, kind);
    if (kind === 'error') this.hasTrouble = true;
    this.#page.changed();
  }
}
