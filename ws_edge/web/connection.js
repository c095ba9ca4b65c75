// One group over one WebSocket, in the plain dialect:
//
//   → {"cmd":"add_group","group_id":"123"}
//   → {"cmd":"send_to_group","group_id":"123","message":"text"}
//   ← text                                        the bare message: it does not name its group
//   ← {"event":"error","code":"…","message":"…"}  the server could not do what was asked

const BACKOFF_MIN_MS = 500;
const BACKOFF_MAX_MS = 15_000;
const STABLE_MS = 5_000; // a connection that held this long starts the back-off afresh
const OPEN_TIMEOUT_MS = 10_000; // a frozen edge accepts and never answers

const EDGE_URL = `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/`;

// Keeps one group joined, over a WebSocket of its own. Messages arrive without the name of their
// group, so with two groups on one socket the page would have to guess; with one each it knows. It
// connects again by itself and joins again, with a back-off that grows and is spread at random, so
// that the pages of a server that went away do not all come back at one moment.
export class GroupConnection {
  // connecting → open ⇄ reconnecting; stopped: the server does not want us back
  state = 'connecting';
  #groupId;
  #on;
  #socket;
  #timer;
  #attempts = 0;
  #openedAt = 0;

  // on: {state(), lost(code, reason), message(data)}; never called before the constructor returned
  constructor(groupId, on) {
    this.#groupId = groupId;
    this.#on = on;
    this.#connect();
  }

  // False when there is no connection to send on.
  send(text) {
    if (this.state !== 'open') return false;
    this.#command('send_to_group', { message: text });
    return true;
  }

  // Ends the wait between two attempts.
  retryNow() {
    if (this.state === 'open' || this.#socket.readyState === WebSocket.CONNECTING) return;
    this.#setState('reconnecting');
    this.#connect();
  }

  // Closing leaves the group: the edge drops the memberships of a connection with it.
  close() {
    clearTimeout(this.#timer);
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
  }

  #connect() {
    this.close(); // of an attempt before, nothing may be heard any more
    const socket = new WebSocket(EDGE_URL);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#on.message(data);
    socket.onclose = ({ code, reason }) => this.#closed(code, reason);
    this.#timer = setTimeout(() => socket.close(), OPEN_TIMEOUT_MS);
    this.#socket = socket;
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#openedAt = performance.now();
    // Nothing confirms a join, and nothing needs to: it takes effect before any later send.
    this.#command('add_group', {});
    this.#setState('open');
  }

  #closed(code, reason) {
    clearTimeout(this.#timer);
    const wasOpen = this.state === 'open';
    if (wasOpen && performance.now() - this.#openedAt >= STABLE_MS) this.#attempts = 0;
    if (code >= 4500) {
      this.#setState('stopped'); // 4500-4999 mean: do not reconnect
    } else {
      const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#attempts++);
      this.#timer = setTimeout(() => this.#connect(), ceiling * (0.5 + Math.random() / 2));
      this.#setState('reconnecting');
    }
    if (wasOpen || this.state === 'stopped') this.#on.lost(code, reason);
  }

  #command(cmd, fields) {
    this.#socket.send(JSON.stringify({ cmd, group_id: this.#groupId, ...fields }));
  }

  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.#on.state();
  }
}

// The error frame {code, message}, or null. A member could send a message with the very same text;
// the plain dialect gives no way to tell the two apart. A text that the page waits to get back is
// taken for its own before this is asked; of the rest, what looks like an error is shown as one, and
// nothing is done because of it but to offer "Send again". The enveloped subprotocol, to which the
// next version of this page moves, ends the ambiguity.
export function parseError(text) {
  if (!text.startsWith('{"event":"error"')) return null;
  try {
    const { code, message } = JSON.parse(text);
    return typeof code === 'string' && typeof message === 'string' ? { code, message } : null;
  } catch {
    return null;
  }
}
