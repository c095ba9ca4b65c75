// The chat page: several groups at a time over one connection (channel.js), each with a view of its
// own (group_view.js). This file has the parts that they share: the list, the fields, the address.

import { connect } from '../channel.js';
import { GroupView, STATE_TEXT } from './group_view.js';
import { OwnMessages } from './own_messages.js';

const GROUPS_MAX = 128; // an edge takes so many for one connection
// Says why nothing works, by the state of the connection.
const BANNER = {
  unavailable: () =>
    'The server has lost its message service. Nothing comes through at the moment; ' +
    'what you send waits here for up to a minute.',
  unreachable: ({ reason, delayMs }) =>
    `This page cannot reach its server${reason && ` (${reason})`}. ` +
    `It tries again in ${Math.ceil(delayMs / 1000)} s.`,
  stopped: ({ code, reason }) =>
    `The server ended the connection: ${reason ? `${reason} (${code})` : code}. ` +
    'Reload the page to try again.',
};
const ADDRESS_CHARS_MAX = 2000; // the address is in the request header, and the edge takes 8 KiB

const ui = Object.fromEntries(
  [...document.querySelectorAll('[id]')].map((node) => [node.id, node]),
);
const sendButton = ui.send.querySelector('button');
const channel = connect();
const groups = new Map(); // id → GroupView, in the order joined
let current = null; // the GroupView on show
let renderScheduled = false;

const page = {
  show,
  edit,
  changed,
  isOnShow: (group) => group === current,
  ownMessages: new OwnMessages(),
};

// Group names as a person or an address gives them. A comma separates, so no name has one here.
function parseGroupIds(text) {
  return text
    .split(',')
    .map((id) => id.trim())
    .filter(Boolean);
}

function joinAll(ids) {
  if (channel.state === 'stopped') return; // it says so, and keeps what was typed
  let first = null;
  ui.joinProblem.textContent = '';
  for (const id of ids) {
    if (!groups.has(id) && groups.size >= GROUPS_MAX) {
      const problem = `This page holds ${GROUPS_MAX} groups at most.`;
      ui.joinProblem.textContent = `${problem} Leave one to join “${id}”.`;
      break;
    }
    if (!groups.has(id)) {
      const group = new GroupView(id, channel, page);
      groups.set(id, group);
      ui.groups.append(group.entry);
      ui.logs.append(group.log);
    }
    first ??= groups.get(id);
  }
  rememberInAddress();
  if (first) show(first);
}

function leave(group) {
  const ids = [...groups.keys()];
  const index = ids.indexOf(group.id);
  groups.delete(group.id);
  group.leave();
  rememberInAddress();
  show(groups.get(ids[index + 1] ?? ids[index - 1]) ?? null);
}

function show(group) {
  if (current) current.draft = ui.text.value;
  current = group;
  ui.text.value = group?.draft ?? '';
  render();
  if (!group) {
    ui.joinId.focus();
    return;
  }
  group.entry.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  // On a phone the focus would open the keyboard, over half of the log.
  if (matchMedia('(pointer: fine)').matches) ui.text.focus();
}

// Puts a text back into the field.
function edit(text) {
  ui.text.value = text + ui.text.value;
  ui.text.focus();
}

// Renders once, however much a burst of messages changes.
function changed() {
  if (!renderScheduled) setTimeout(render, 0);
  renderScheduled = true;
}

// Brings everything that depends on state up to date.
function render() {
  renderScheduled = false;
  let unread = 0;
  for (const group of groups.values()) {
    group.render();
    unread += group.unread;
  }
  document.title = `${unread ? `(${unread}) ` : ''}${current ? `${current.id} · ` : ''}Channel`;
  ui.empty.hidden = current !== null;
  ui.chat.hidden = current === null;
  if (!current) return;
  const { state } = current;
  if (ui.chatName.textContent !== current.id) ui.chatName.textContent = current.id;
  // Only a change: this is read aloud.
  if (ui.chatState.textContent !== STATE_TEXT[state]) ui.chatState.textContent = STATE_TEXT[state];
  ui.chat.dataset.state = state;
  ui.retry.hidden = !['unreachable', 'reconnecting', 'failed'].includes(state);
  ui.retry.textContent = state === 'failed' ? 'Try again' : 'Connect now';
  ui.newest.hidden = !current.newBelow;
  sendButton.disabled = !current.canSend;
}

// Keeps ?group=… true, so that a reload, a bookmark or a friend gets the same groups.
function rememberInAddress() {
  const query = new URLSearchParams([...groups.keys()].map((id) => ['group', id])).toString();
  if (query.length <= ADDRESS_CHARS_MAX) {
    history.replaceState(null, '', query ? `?${query}` : location.pathname);
  }
}

ui.join.addEventListener('submit', (event) => {
  event.preventDefault();
  joinAll(parseGroupIds(ui.joinId.value));
  if (channel.state !== 'stopped') ui.joinId.value = '';
});

ui.send.addEventListener('submit', (event) => {
  event.preventDefault();
  ui.text.focus(); // or the phone's keyboard closes after each message
  const text = ui.text.value;
  const nick = ui.nick.value.trim();
  if (!text.trim() || !current?.canSend) return;
  current.send(nick ? `${nick}: ${text}` : text, text);
  ui.text.value = '';
});

ui.text.addEventListener('keydown', (event) => {
  // Enter while composing belongs to the input method, and Shift+Enter is a line break. Safari ends
  // the composition before this event, and tells it by the key code only.
  if (event.key !== 'Enter' || event.shiftKey) return;
  if (event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  ui.send.requestSubmit();
});

ui.joinExample.addEventListener('click', () => joinAll(['123']));
ui.leave.addEventListener('click', () => {
  const question = 'A message of yours is not confirmed yet and may be lost. Leave all the same?';
  if (!current.hasPending || confirm(question)) leave(current);
});
ui.retry.addEventListener('click', () => {
  if (current.state === 'failed') current.join();
  else channel.retryNow();
});
ui.newest.addEventListener('click', () => current.scrollToEnd());

channel.addEventListener('state', (event) => {
  ui.banner.textContent = BANNER[event.state]?.(event) ?? '';
  render();
});
document.addEventListener('visibilitychange', render);

// channelCounters, typed on the console, shows that nothing was lost. Tests use it, too.
Object.defineProperty(window, 'channelCounters', {
  get: () => ({ ...channel.counters, gapList: [...groups.values()].flatMap(({ gaps }) => gaps) }),
});

// Storage may be forbidden; then the name lasts as long as the page.
try {
  ui.nick.value = localStorage.getItem('nick') ?? '';
  ui.nick.addEventListener('change', () => localStorage.setItem('nick', ui.nick.value.trim()));
} catch {
  // Not kept.
}

joinAll(new URLSearchParams(location.search).getAll('group').flatMap(parseGroupIds));
