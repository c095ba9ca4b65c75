// The lines of one group: messages in the order that everybody sees, notes of the page's own, and
// headings of days. Pending messages stand at the end. The log follows its end unless the reader
// went up.

import { dayText, element, noteLine, timeElement } from './elements.js';

const LINES_MAX = 500; // kept in the page for each group, and the heading of their first day
const LINES_READ_MAX = 2000; // kept while the reader is above, when nothing is removed
const NEAR_END_PX = 48; // a reader who is closer to the end follows it

export class MessageLog {
  newBelow = false; // something arrived below what the reader sees
  node = element('div', 'log');
  #list = element('ol', '');
  #firstPending = null; // lines in order come before it
  #following = true; // the reader is at the end of the log
  #scrollScheduled = false;
  #lastDay = '';
  #held = []; // {line, time} that came when LINES_READ_MAX was reached: the newest LINES_MAX - 1
  #leftOut = 0; // older ones, which are not shown
  #on;

  // on: {newBelow()}: it changed
  constructor(label, on) {
    this.#on = on;
    this.node.setAttribute('role', 'log');
    this.node.setAttribute('aria-label', label);
    this.node.tabIndex = 0; // so that the arrow keys can scroll it
    this.node.append(this.#list);
    this.node.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    // The log comes on show, or a phone's keyboard comes or goes.
    new ResizeObserver(() => this.#scheduleFollow()).observe(this.node);
  }

  // Puts a line, new or pending until now, behind the last line that is in order.
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
    const day = dayText(time);
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
      this.#insert(noteLine(text, 'info', text), held[0].time);
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

  // Adds a line of the page's own: kind is "info" or "error". It replaces the line before it, if that
  // one has the same subject.
  note(text, kind = 'info', subject = text) {
    const last = this.#firstPending
      ? this.#firstPending.previousElementSibling
      : this.#list.lastElementChild;
    if (last?.dataset.subject === subject) this.forget(last);
    const line = noteLine(text, kind, subject);
    this.place(line, Date.now());
    return line;
  }

  scrollToEnd() {
    this.node.scrollTop = this.node.scrollHeight;
  }

  // A line came, or became taller.
  grown() {
    if (this.#following) {
      this.#scheduleFollow();
    } else {
      this.#setNewBelow(true);
    }
  }

  // Scrolls once a frame, however much arrived: reading the layout for each message makes a burst
  // slow.
  #scheduleFollow() {
    if (this.#scrollScheduled) return;
    this.#scrollScheduled = true;
    requestAnimationFrame(() => {
      this.#scrollScheduled = false;
      if (this.#following) this.scrollToEnd();
    });
  }

  #scrolled() {
    // A line arrived and the log is about to follow it: the end has moved, not the reader.
    if (this.#scrollScheduled && this.#following) return;
    if (this.node.hidden) return;
    const { scrollHeight, scrollTop, clientHeight } = this.node;
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
