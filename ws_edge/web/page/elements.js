// Elements of the page. Texts of other people go into it as text only (textContent), never as
// markup.

const timeFormat = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const secondFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const dayFormat = new Intl.DateTimeFormat(undefined, {
  weekday: 'long',
  day: 'numeric',
  month: 'long',
});

export const clockText = (time) => secondFormat.format(new Date(time));
export const dayText = (time) => dayFormat.format(new Date(time));

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

export function timeElement(time) {
  const date = new Date(time);
  const node = element('time', '', timeFormat.format(date));
  node.dateTime = date.toISOString();
  node.title = fullFormat.format(date);
  return node;
}

// A name is only the beginning of a text ("Ada: hello"), which anybody may type, so nothing makes it
// look like a sender. The caller marks the messages of this tab, which are known.
export function messageLine(text) {
  const line = element('li', 'message');
  const body = element('p', 'text', text);
  body.dir = 'auto';
  line.append(body, element('time', ''));
  return line;
}

// A line of the page's own: kind is "info" or "error". subject: see MessageLog.note.
export function noteLine(text, kind, subject) {
  const line = element('li', `note ${kind}`);
  line.dataset.subject = subject;
  line.append(element('p', '', text), element('time', ''));
  return line;
}
