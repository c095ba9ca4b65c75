// One joined group in the page. Whatever other people wrote goes into the page as text only
// (textContent), never as markup.

import { GroupConnection, parseError } from './connection.js';

const ENTRIES_MAX = 500; // lines kept in the page for each group; older ones are removed
const PENDING_MAX = 50; // messages of ours, for each group, that did not come back yet
const CONFIRM_MS = 15_000; // the edge gives a publication 10 s; a frozen one says nothing at all
const NICK_CHARS_MAX = 32; // as the field in index.html
const NEAR_END_PX = 48; // closer to the end than this means: the reader follows the talk

export const STATE_TEXT = {
  connecting: 'Connecting…',
  open: 'Connected',
  reconnecting: 'Reconnecting…',
  stopped: 'Disconnected',
};

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
});

function element(tag, className, text = '') {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function button(text, onClick) {
  const node = element('button', '', text);
  node.type = 'button';
  node.addEventListener('click', onClick);
  return node;
}

// When this page saw it: the plain dialect carries no time.
function timeElement() {
  const now = new Date();
  const node = element('time', '', timeFormat.format(now));
  node.dateTime = now.toISOString();
  node.title = fullFormat.format(now);
  return node;
}

// A name is only a beginning of the text ("nick: text"), so it is set in bold and stays part of it.
function messageElement(text) {
  const item = element('li', 'message');
  const body = element('p', 'text');
  body.dir = 'auto';
  const colon = text.indexOf(': ');
  const named = colon > 0 && colon <= NICK_CHARS_MAX && !text.slice(0, colon).includes('\n');
  const nameEnd = named ? colon + 1 : 0;
  if (named) body.append(element('b', 'name', text.slice(0, nameEnd)));
  body.append(text.slice(nameEnd));
  item.append(body, timeElement());
  return item;
}

// Its entry in the list, its log, what is unread and what is pending.
//
// Nothing is acknowledged in the plain dialect, but a member gets its own messages: one of ours is
// pending, and shown so at the end of the log, until it comes back and takes its place in the order
// that everybody sees. When the connection breaks, the server reports an error or the time is over,
// what is still pending is marked as not confirmed (it may have arrived all the same) and can be
// sent again.
export class Group {
  unread = 0;
  trouble = false; // an error that was not looked at yet
  newBelow = false; // something arrived below what the reader sees
  entry = element('li', ''); // for the list of groups
  log = element('div', 'log');
  #page;
  #pending = []; // {text, item}, in the order sent
  #following = true; // the reader is at the end of the log
  #scrollScheduled = false;
  #everLost = false;
  #lastDay = '';
  #list = element('ol', '');
  #tab;
  #badge = element('span', 'badge');
  #hint = element('span', 'hidden');

  // page: {show(group), isOnShow(group), changed()}; changed: what render() shows is not up to date
  constructor(id, page) {
    this.id = id;
    this.#page = page;
    this.#tab = button('', () => page.show(this));
    const name = element('span', 'name', id);
    name.dir = 'auto';
    this.#badge.setAttribute('aria-hidden', 'true'); // the hint says it in words
    this.#tab.append(name, this.#badge, this.#hint);
    this.#tab.title = id;
    this.entry.append(this.#tab);

    this.log.setAttribute('role', 'log');
    this.log.setAttribute('aria-label', `Messages of group ${id}`);
    this.log.tabIndex = 0; // so that the arrow keys can scroll it
    this.log.append(this.#list);
    this.log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    // It came on show, or the phone's keyboard came or went.
    new ResizeObserver(() => this.#scheduleFollow()).observe(this.log);

    this.connection = new GroupConnection(id, {
      state: () => this.#stateChanged(),
      lost: (code, reason) => this.#lost(code, reason),
      message: (data) => this.#received(data),
    });
  }

  // False when it could not be sent; the person's text is kept then.
  send(text) {
    if (this.#pending.length >= PENDING_MAX) {
      const problem = `${PENDING_MAX} messages are still on their way; wait or discard some.`;
      this.#note(problem, 'error');
      return false;
    }
    if (!this.connection.send(text)) return false;
    const item = messageElement(text);
    item.classList.add('mine', 'pending');
    const entry = { text, item };
    this.#pending.push(entry);
    this.#list.append(item);
    setTimeout(() => this.#pending.includes(entry) && this.#markUnconfirmed([entry]), CONFIRM_MS);
    this.#following = true;
    this.#added();
    return true;
  }

  leave() {
    this.connection.close();
    this.entry.remove();
    this.log.remove();
  }

  render() {
    const onShow = this.#page.isOnShow(this);
    if (this.#isRead()) {
      this.unread = 0;
      this.trouble = false;
    }
    const { state } = this.connection;
    const unread = this.unread ? `, ${this.unread} unread` : '';
    const trouble = this.trouble ? ', has an error' : '';
    this.#tab.setAttribute('aria-current', String(onShow));
    this.entry.dataset.state = state;
    this.entry.classList.toggle('trouble', this.trouble);
    this.#badge.textContent = this.unread > 99 ? '99+' : this.unread || '';
    this.#hint.textContent = `${unread}${trouble}, ${STATE_TEXT[state]}`;
    this.log.hidden = !onShow;
  }

  scrollToEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  #received(data) {
    if (typeof data !== 'string') {
      this.#note(`A binary message of ${data.byteLength} bytes arrived.`);
      return;
    }
    const ours = this.#pending.findIndex(({ text }) => text === data);
    if (ours >= 0) {
      this.#confirm(this.#pending.splice(ours, 1)[0].item);
      return;
    }
    const error = parseError(data);
    if (error) {
      this.#note(`The server says: ${error.message} (${error.code})`, 'error');
      this.#markUnconfirmed();
    } else {
      this.#insert(messageElement(data));
      this.#countUnread();
    }
  }

  #confirm(item) {
    item.classList.remove('pending', 'unconfirmed');
    item.querySelector('.retry')?.remove();
    item.querySelector('time').replaceWith(timeElement());
    this.#insert(item);
  }

  #markUnconfirmed(entries = this.#pending) {
    for (const entry of entries) {
      if (entry.item.classList.contains('unconfirmed')) continue;
      entry.item.classList.add('unconfirmed');
      const retry = element('p', 'retry', 'Not confirmed. ');
      retry.append(
        button('Send again', () => this.send(entry.text) && this.#discard(entry)),
        button('Discard', () => this.#discard(entry)),
      );
      entry.item.append(retry);
      this.#added();
    }
  }

  #discard(entry) {
    this.#pending = this.#pending.filter((other) => other !== entry);
    entry.item.remove();
    this.#page.show(this); // the button had the focus and is gone
  }

  #stateChanged() {
    if (this.connection.state === 'open') {
      this.#note(
        this.#everLost
          ? 'Connected again. What was sent in between is not shown here.'
          : 'Connected. What is sent from now on appears here.',
      );
    }
    this.#page.changed();
  }

  #lost(code, reason) {
    this.#everLost = true;
    // 1001, 1006: it went away; 4000-4499: it asks us to connect again. Else something is wrong.
    const expected = code === 1001 || code === 1006 || (code >= 4000 && code < 4500);
    const how = reason ? `closed: ${reason}` : 'lost';
    this.#note(`Connection ${how} (${code}).`, expected ? 'info' : 'error');
    this.#markUnconfirmed();
  }

  // A line of the page's own: kind is "info" or "error".
  #note(text, kind = 'info') {
    const item = element('li', `note ${kind}`);
    item.append(element('p', '', text), timeElement());
    this.#insert(item);
    if (kind === 'error') this.trouble = true;
    this.#page.changed();
  }

  // Puts an entry after all that came from the server and before what is still pending.
  #insert(item) {
    const today = dayFormat.format(new Date());
    const end = this.#pending[0]?.item ?? null;
    if (today !== this.#lastDay) this.#list.insertBefore(element('li', 'day', today), end);
    this.#lastDay = today;
    this.#list.insertBefore(item, end);
    while (this.#list.childElementCount > ENTRIES_MAX) this.#list.firstElementChild.remove();
    this.#added();
  }

  #countUnread() {
    if (this.#isRead()) return;
    this.unread++;
    this.#page.changed();
  }

  #isRead() {
    return this.#page.isOnShow(this) && !document.hidden;
  }

  #added() {
    if (this.#following) {
      this.#scheduleFollow();
    } else {
      this.#setNewBelow(true);
    }
  }

  // Once a frame, however much arrived: reading the layout for each message makes a burst slow.
  #scheduleFollow() {
    if (this.#scrollScheduled) return;
    this.#scrollScheduled = true;
    requestAnimationFrame(() => {
      this.#scrollScheduled = false;
      if (this.#following) this.scrollToEnd();
    });
  }

  #scrolled() {
    // Something arrived and the log is about to follow it: the end has moved, not the reader.
    if (this.#scrollScheduled && this.#following) return;
    if (!this.#page.isOnShow(this)) return;
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.#following) this.#setNewBelow(false);
  }

  #setNewBelow(value) {
    if (this.newBelow === value) return;
    this.newBelow = value;
    this.#page.changed();
  }
}
