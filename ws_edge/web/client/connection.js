import { Backoff } from './backoff.js';
import { watchPage } from './environment.js';
import { Heartbeat } from './heartbeat.js';
import { ATTEMPT_TIMEOUT_MS, WAKE_SPACING_MS } from './limits.js';

const PROTOCOL = 'channel.v1.json';
const encoder = new TextEncoder();

// Keeps one WebSocket open: connects, connects again after each loss, and stops for good when the
// page or the server says so. Owns what the newest welcome told, and the ids of commands.
export class Connection {
  // connecting → open ⇄ unavailable (the edge has lost the service) → reconnecting → open …;
  // unreachable: an attempt has failed and none has succeeded; stopped: the end
  state = 'connecting';
  end = null; // once stopped: {code, text} of the error of whatever is tried now
  #environment;
  #url;
  #on;
  #backoff;
  #socket = null; // null: waits for the next attempt, or stopped
  #heartbeat = null; // while open
  #timer; // of the attempt, or of the wait between two
  #attemptDue = 0;
  #triedAgainAt = -Infinity;
  #openedAt = 0;
  #welcome = null; // the newest
  #lastId = 0;
  #unwatchPage;

  // on: {opened(isFirst), frame(frame), lost(), stopped(), unreachable(text), state({state, …})}
  constructor(url, environment, on) {
    this.#url = url;
    this.#environment = environment;
    this.#on = on;
    this.#backoff = new Backoff(environment.random);
    this.#attempt();
    this.#unwatchPage = watchPage(environment.page, {
      wake: () => this.#wake(),
      offline: () => this.#socket && this.#abandon('the browser is offline'),
    });
  }

  get isOpen() {
    return this.state === 'open' || this.state === 'unavailable';
  }

  // Name of the edge of the newest connection; null before the first.
  get server() {
    return this.#welcome && (this.#welcome.server ?? '');
  }

  get messageBytesMax() {
    return this.#welcome?.limits?.message_bytes ?? Infinity;
  }

  nextId() {
    return ++this.#lastId;
  }

  // Sends a command on a connection that is open. Returns the id that its answer will have; null if
  // it is too large for the server, which would end the connection for it.
  command(cmd, group, fields) {
    const id = this.nextId();
    const text = JSON.stringify({ id, cmd, group_id: group, ...fields });
    if (encoder.encode(text).length > this.messageBytesMax) return null;
    this.transmit(id, text);
    return id;
  }

  // The same for a command that is text already.
  transmit(id, text) {
    this.#heartbeat.onCommand(id);
    this.#socket.send(text);
  }

  // Ends the wait between two attempts.
  retryNow() {
    if (this.state !== 'stopped' && !this.#socket) this.#attemptAgain();
  }

  close() {
    const socket = this.#socket;
    this.#detach();
    socket?.close(1000);
    this.#stop(1000, 'closed by this page');
  }

  // The network may be back: asks the edge, or ends the wait.
  #wake() {
    this.#heartbeat?.probe();
    if (this.state === 'stopped' || this.#socket) return;
    const now = this.#environment.now();
    const soonest = this.#triedAgainAt + WAKE_SPACING_MS;
    if (now >= soonest) this.#attemptAgain();
    else if (soonest < this.#attemptDue) this.#attemptIn(soonest - now);
  }

  #attempt() {
    this.#environment.clearTimeout(this.#timer);
    const socket = new this.#environment.WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    socket.onopen = () => this.#checkProtocol(socket.protocol);
    socket.onmessage = ({ data }) => this.#received(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#lost(code, reason);
    socket.onerror = () => {}; // a close follows; in Node an error without a listener would throw
    this.#timer = this.#environment.setTimeout(
      () => this.#abandon('no answer to the attempt to connect'),
      ATTEMPT_TIMEOUT_MS,
    );
  }

  // Browsers refuse such a connection themselves. A server that speaks something else sends no
  // welcome, so its frames are not waited for.
  #checkProtocol(protocol) {
    if (protocol === PROTOCOL) return;
    this.#abandon(`the server does not speak ${PROTOCOL}; is this an edge, or a proxy before it?`);
  }

  #attemptAgain() {
    this.#triedAgainAt = this.#environment.now();
    this.#attempt();
  }

  #attemptIn(ms) {
    this.#environment.clearTimeout(this.#timer);
    this.#attemptDue = this.#environment.now() + ms;
    this.#timer = this.#environment.setTimeout(() => this.#attemptAgain(), ms);
  }

  #received(frame) {
    this.#heartbeat?.onFrame(frame);
    switch (frame.event) {
      case 'welcome':
        this.#opened(frame);
        break;
      case 'bye':
        this.#backoff.onBye(frame);
        break;
      case 'service':
        this.#serviceIs(frame.available ? 'open' : 'unavailable');
        break;
      case 'pong':
        break;
      default:
        this.#on.frame(frame);
    }
  }

  #opened(welcome) {
    const isFirst = this.#welcome === null;
    const socket = this.#socket;
    this.#environment.clearTimeout(this.#timer);
    this.#openedAt = this.#environment.now();
    this.#welcome = welcome;
    this.#backoff.onWelcome(welcome);
    this.#heartbeat = new Heartbeat(this.#environment, welcome, {
      ping: () => socket.send('{"cmd":"ping"}'),
      dead: () => this.#abandon('the server does not answer'),
    });
    this.state = 'open';
    this.#on.opened(isFirst);
    this.#on.state({ state: 'open' });
  }

  #serviceIs(state) {
    if (!this.isOpen || this.state === state) return;
    this.state = state;
    this.#on.state({ state });
  }

  // A socket whose peer does not answer closes late or never, so its close event is not waited for.
  #abandon(reason) {
    const socket = this.#socket;
    this.#lost(1006, reason);
    socket.close();
  }

  #lost(code, reason) {
    const wasOpen = this.isOpen;
    this.#detach();
    if (code >= 4500 && code <= 4999) {
      this.#stop(code, reason);
      return;
    }
    const heldMs = wasOpen ? this.#environment.now() - this.#openedAt : 0;
    const delayMs = this.#backoff.nextDelay(code, heldMs);
    this.#attemptIn(delayMs);
    const isFirstFailure = this.state === 'connecting';
    const state = this.#welcome ? 'reconnecting' : 'unreachable';
    this.state = state;
    if (wasOpen) this.#on.lost();
    if (this.state !== state) return; // a listener has closed the client
    this.#on.state({ state, code, reason, delayMs });
    if (isFirstFailure && this.state === state) {
      this.#on.unreachable(this.#whyNot(code, reason, delayMs));
    }
  }

  #whyNot(code, reason, delayMs) {
    const why = reason || 'no connection came about, and the platform does not tell why';
    const next = `trying again in ${(delayMs / 1000).toFixed(1)} s`;
    return `cannot reach ${withoutSecrets(this.#url)}: ${why} (close code ${code}); ${next}`;
  }

  #stop(code, reason) {
    if (this.state === 'stopped') return;
    const byPage = code === 1000;
    this.#unwatchPage();
    this.state = 'stopped';
    this.end = byPage
      ? { code: 'closed', text: reason }
      : { code: 'stopped', text: `the server closed with ${code} ${reason}` };
    this.#on.stopped();
    this.#on.state({ state: 'stopped', code, reason });
  }

  #detach() {
    this.#environment.clearTimeout(this.#timer);
    this.#heartbeat?.stop();
    this.#heartbeat = null;
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket = null;
  }
}

// An address as it may stand in a log: without query, name and password.
function withoutSecrets(address) {
  try {
    const { protocol, host, pathname } = new URL(address, globalThis.location?.href);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return 'the edge';
  }
}
