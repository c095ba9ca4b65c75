// The lines of one group, as elements: messages in the order that everybody sees, notes of the
// page's own, days; at the end what is still pending. It follows its end unless the reader went up.

const LINES_MAX = 500; // kept in the page for each group, and the heading of their first day
const LINES_READ_MAX = 2000; // while the reader is above: nothing is removed then
const NEAR_END_PX = 48; // closer to the end than this means: the reader follows the talk

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const secondFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
});

export const clock = (time) => secondFormat.format(new Date(time));

export function element(tag, className, text = '') {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

export function button(text, onClick) {
  const node = element('button', '', text);
  node.type = 'button';
  node.addEventListener('click', onClick);
  return node;
}

function timeElement(time) {
  const date = new Date(time);
  const node = element('time', '', timeFormat.format(date));
  node.dateTime = date.toISOString();
  node.title = fullFormat.format(date);
  return node;
}

// A name is only a beginning of the text ("Ada: hello"), which anybody may type, so nothing makes
// it look like a sender. Which messages are this tab's own is known, and shown by the caller.
export function messageLine(text) {
  const line = element('li', 'message');
  const body = element('p', 'text', text);
  body.dir = 'auto';
  line.append(body, element('time', ''));
  return line;
}

export class Talk {
  newBelow = false; // something arrived below what the reader sees
  log = element('div', 'log');
  #list = element('ol', '');
  #firstPending = null; // what is in order comes before it
  #following = true; // the reader is at the end of the log
  #scrollScheduled = false;
  #lastDay = '';
  #held = []; // {line, time} that came when LINES_READ_MAX was reached; newest that stay at the end
  #leftOut = 0; // older ones of them
  #on;

  // on: {newBelow()}: it changed
  constructor(label, on) {
    this.#on = on;
    this.log.setAttribute('role', 'log');
    this.log.setAttribute('aria-label', label);
    this.log.tabIndex = 0; // so that the arrow keys can scroll it
    this.log.append(this.#list);
    this.log.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    // It came on show, or the phone's keyboard came or went.
    new ResizeObserver(() => this.#scheduleFollow()).observe(this.log);
  }

  // Puts a line, new or pending until now, at the end of what is in order.
  place(line, time) {
    this.forget(line);
    const hasRoom = this.#held.length === 0 && this.#list.childElementCount < LINES_READ_MAX;
    if (this.#following || hasRoom) {
      this.#insert(line, time);
    } else if (this.#held.push({ line, time }) >= LINES_MAX) {
      this.#held.shift();
      this.#leftOut++;
    }
    if (this.#following) this.#trim();
    this.grown();
  }

  #insert(line, time) {
    line.querySelector('time').replaceWith(timeElement(time));
    const day = dayFormat.format(new Date(time));
    if (day !== this.#lastDay) {
      this.#list.insertBefore(element('li', 'day', day), this.#firstPending);
    }
    this.#lastDay = day;
    this.#list.insertBefore(line, this.#firstPending);
  }

  #trim() {
    while (this.#list.childElementCount > LINES_MAX + 1) {
      const first = this.#list.firstElementChild;
      const second = first.nextElementSibling;
      // The heading of a day stays as long as one of its lines does.
      const isNeeded = first.className === 'day' && second.className !== 'day';
      this.forget(isNeeded ? second : first);
    }
  }

  // The reader is at the end again.
  #endReached() {
    const held = this.#held;
    this.#held = [];
    if (this.#leftOut > 0) {
      const text = `${this.#leftOut} messages came while you read above, and are not shown here.`;
      this.#leftOut = 0;
      this.#insert(this.#noteLine(text, 'info', text), held[0].time);
    }
    for (const { line, time } of held) this.#insert(line, time);
    this.#trim();
    if (held.length > 0) this.#scheduleFollow();
  }

  // Puts a line at the very end; it stays there until it is placed or forgotten.
  placePending(line, word) {
    line.querySelector('time').textContent = word;
    this.#list.append(line);
    this.#firstPending ??= line;
    this.#following = true;
    this.#endReached();
    this.grown();
  }

  forget(line) {
    if (line === this.#firstPending) this.#firstPending = line.nextElementSibling;
    line.remove();
  }

  // A line of the page's own: kind is "info" or "error". It takes the place of the line before it,
  // if that one is about the same.
  note(text, kind = 'info', subject = text) {
    const last = this.#firstPending
      ? this.#firstPending.previousElementSibling
      : this.#list.lastElementChild;
    if (last?.dataset.subject === subject) this.forget(last);
    const line = this.#noteLine(text, kind, subject);
    this.place(line, Date.now());
    return line;
  }

  #noteLine(text, kind, subject) {
    const line = element('li', `note ${kind}`);
    line.dataset.subject = subject;
    line.append(element('p', '', text), element('time', ''));
    return line;
  }

  scrollToEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  // A line came, or became taller.
  grown() {
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
    if (this.log.hidden) return;
    const { scrollHeight, scrollTop, clientHeight } = this.log;
    this.#following = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (!this.#following) return;
    this.#endReached();
    this.#setNewBelow(false);
  }

  #setNewBelow(value) {
    if (this.newBelow === value) return;
    this.newBelow = value;
    this.#on.newBelow();
  }
}
