import {
  ANSWER_TIMEOUT_MS,
  ASLEEP_MS,
  ATTEMPT_TIMEOUT_MS,
  BACKOFF_FIRST_MS,
  PING_INTERVAL_MS,
  PROBE_TIMEOUT_MS,
  RECONNECT_WINDOW_MS,
  STABLE_MS,
  WAKE_SPACING_MS,
} from './limits.js';

const PROTOCOL = 'channel.v1.json';

// One WebSocket after the other. The edge pings and a browser answers by itself, so a hidden tab
// whose timers hardly run keeps its connection. What a page cannot see is that the *edge* is gone
// without a word (network away, process frozen): if nothing was heard for long it asks, with a ping
// of its own, and only if nothing comes then the connection is given up. When the timer of
// that wait is late, the tab has slept, and it waits once more; frames are never held back as
// timers are, so that is enough.
export class Connection {
  // connecting → open ⇄ unavailable (the edge has lost the service) → reconnecting; unreachable:
  // never open so far, and an attempt has failed; stopped: for good
  state = 'connecting';
  #env;
  #url;
  #on;
  #socket = null;
  #timer; // of the attempt or of the wait between two
  #watchTimer;
  #watchDue = Infinity;
  #probing = false;
  #waitedAnew = false; // for the answer to this probe
  #quietSince = 0; // when something was heard last, or when we began to wait for an answer
  #awaited = new Set(); // ids of commands without an answer
  #wasEverOpen = false;
  #attempts = 0; // since a connection that was stable
  #attemptDue = 0;
  #triedAgainAt = -Infinity;
  #openedAt = 0;
  #window = RECONNECT_WINDOW_MS;
  #byeWindow = null;
  #pingIntervalMs = PING_INTERVAL_MS;

  // on: {opened(welcome), frame(frame), lost(), stopped(code, reason), unreachable(text),
  // state({state, …})}
  constructor(url, environment, on) {
    this.#url = url;
    this.#env = environment;
    this.#on = on;
    this.#attempt();
  }

  get isOpen() {
    return this.state === 'open' || this.state === 'unavailable';
  }

  // A command that will be answered.
  command(id, text) {
    if (this.#awaited.size === 0) this.#quietSince = this.#env.now();
    this.#awaited.add(id);
    this.#socket.send(text);
    if (!this.#probing) this.#watch();
  }

  // Ends the wait between two attempts.
  retryNow() {
    if (this.state !== 'stopped' && !this.#socket) this.#attemptAgain();
  }

  // The browser has a sign that the network may be back: the wait ends, or the edge is asked.
  wake() {
    this.probe();
    if (this.state === 'stopped' || this.#socket) return;
    const now = this.#env.now();
    const soonest = this.#triedAgainAt + WAKE_SPACING_MS;
    if (now >= soonest) this.#attemptAgain();
    else if (soonest < this.#attemptDue) this.#attemptIn(soonest - now);
  }

  // The browser has no network any more: nothing would come, and nothing would tell.
  offline() {
    if (this.#socket) this.#abandon('the browser is offline');
  }

  // Asks whether the edge is still there.
  probe() {
    if (!this.isOpen || this.#probing) return;
    this.#probing = true;
    this.#waitedAnew = false;
    this.#socket.send('{"cmd":"ping"}');
    this.#watch();
  }

  close() {
    const socket = this.#socket;
    this.#detach();
    socket?.close(1000);
    this.#stop({ code: 1000, reason: 'closed by this page' });
  }

  #attempt() {
    this.#env.clearTimeout(this.#timer);
    const socket = new this.#env.WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#heard(data);
    socket.onclose = ({ code, reason }) => this.#lost(code, reason);
    socket.onerror = () => {}; // a close follows; in Node an error without a listener would throw
    this.#timer = this.#env.setTimeout(
      () => this.#abandon('no answer to the attempt to connect'),
      ATTEMPT_TIMEOUT_MS,
    );
  }

  #heard(data) {
    this.#quietSince = this.#env.now();
    if (this.#probing) {
      this.#probing = false;
      this.#watch();
    }
    const frame = JSON.parse(data);
    if (frame.id !== undefined) this.#awaited.delete(frame.id);
    if (frame.event === 'welcome') this.#opened(frame);
    else if (frame.event === 'bye') this.#byeWindow = frame.reconnect_ms;
    else if (frame.event === 'service') this.#serviceIs(frame.available ? 'open' : 'unavailable');
    else if (frame.event !== 'pong') this.#on.frame(frame);
  }

  #opened(welcome) {
    this.#env.clearTimeout(this.#timer);
    this.#openedAt = this.#env.now();
    this.#window = welcome.reconnect_ms ?? this.#window;
    this.#pingIntervalMs = welcome.ping_interval_ms || PING_INTERVAL_MS;
    this.#wasEverOpen = true;
    this.state = 'open';
    this.#watch();
    this.#on.opened(welcome);
    this.#on.state({ state: 'open' });
  }

  #serviceIs(state) {
    if (!this.isOpen || this.state === state) return;
    this.state = state;
    this.#on.state({ state });
  }

  // A socket whose peer does not answer closes late or never, so nobody waits for that.
  #abandon(reason) {
    const socket = this.#socket;
    this.#lost(1006, reason);
    socket.close();
  }

  #lost(code, reason) {
    const wasOpen = this.isOpen;
    if (wasOpen && this.#env.now() - this.#openedAt >= STABLE_MS) this.#attempts = 0;
    this.#detach();
    if (code >= 4500 && code <= 4999) {
      this.#stop({ code, reason });
      return;
    }
    const delayMs = this.#delay(code);
    this.#attempts++;
    this.#attemptIn(delayMs);
    const isNews = this.state === 'connecting';
    const state = this.#wasEverOpen ? 'reconnecting' : 'unreachable';
    this.state = state;
    if (wasOpen) this.#on.lost();
    if (this.state !== state) return; // a listener has closed us
    this.#on.state({ state, code, reason, delayMs });
    if (isNews && this.state === state) this.#on.unreachable(this.#whyNot(code, reason, delayMs));
  }

  #attemptIn(ms) {
    this.#env.clearTimeout(this.#timer);
    this.#attemptDue = this.#env.now() + ms;
    this.#timer = this.#env.setTimeout(() => this.#attemptAgain(), ms);
  }

  #attemptAgain() {
    this.#triedAgainAt = this.#env.now();
    this.#attempt();
  }

  #whyNot(code, reason, delayMs) {
    const why = reason || 'no connection came about, and the platform does not tell why';
    const next = `trying again in ${(delayMs / 1000).toFixed(1)} s`;
    return `cannot reach ${speakable(this.#url)}: ${why} (close code ${code}); ${next}`;
  }

  // Full jitter: the clients of an edge that went away must not come back at one moment.
  #delay(code) {
    const bye = this.#byeWindow;
    this.#byeWindow = null;
    if (code === 4000 && this.#attempts === 0) return 0; // "reconnect now"
    const [low, high] = bye ?? this.#window;
    const step = BACKOFF_FIRST_MS * 2 ** this.#attempts;
    const ceiling = bye ? high : Math.max(low, Math.min(high, step));
    return low + this.#env.random() * (ceiling - low);
  }

  #stop({ code, reason }) {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    this.#on.stopped(code, reason);
    this.#on.state({ state: 'stopped', code, reason });
  }

  #detach() {
    this.#env.clearTimeout(this.#timer);
    this.#env.clearTimeout(this.#watchTimer);
    this.#watchDue = Infinity;
    this.#probing = false;
    this.#awaited.clear();
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket = null;
  }

  #quietMsMax() {
    return this.#awaited.size > 0 ? ANSWER_TIMEOUT_MS : 2 * this.#pingIntervalMs;
  }

  // One timer, which looks when it fires whether it is needed later: messages come often.
  #watch() {
    const now = this.#env.now();
    const quietUntil = Math.max(now, this.#quietSince + this.#quietMsMax());
    const due = this.#probing ? now + PROBE_TIMEOUT_MS : quietUntil;
    if (!this.#probing && due >= this.#watchDue) return; // it fires before, and looks again
    this.#env.clearTimeout(this.#watchTimer);
    this.#watchDue = due;
    this.#watchTimer = this.#env.setTimeout(() => this.#look(), due - now);
  }

  #look() {
    const now = this.#env.now();
    const asleep = now - this.#watchDue > ASLEEP_MS;
    this.#watchDue = Infinity;
    if (this.#probing && (!asleep || this.#waitedAnew)) {
      this.#abandon('the server does not answer');
    } else if (!this.#probing && now - this.#quietSince >= this.#quietMsMax()) {
      this.probe();
    } else {
      this.#waitedAnew = this.#probing;
      this.#watch();
    }
  }
}

// An address as it may stand in a log: what could be a secret is left out.
function speakable(address) {
  try {
    const { protocol, host, pathname } = new URL(address, globalThis.location?.href);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return 'the edge';
  }
}
