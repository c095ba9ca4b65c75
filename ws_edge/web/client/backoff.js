import { BACKOFF_FIRST_MS, RECONNECT_WINDOW_MS, STABLE_MS } from './limits.js';

const RECONNECT_NOW = 4000; // close code

// How long to wait before the next attempt to connect: a random time in the server's window ("full
// jitter"), because the clients of an edge that went away must not come back at one moment.
export class Backoff {
  #random;
  #waits = 0; // since the last connection that held STABLE_MS
  #window = RECONNECT_WINDOW_MS; // of the newest welcome
  #byeWindow = null; // of a bye; holds for one wait

  constructor(random) {
    this.#random = random;
  }

  onWelcome({ reconnect_ms: window }) {
    this.#window = window ?? this.#window;
  }

  onBye({ reconnect_ms: window }) {
    this.#byeWindow = window;
  }

  // heldMs: how long the connection that was lost had been open; 0 if it never was. A server may
  // send the client to another connection at once, but not in a circle.
  nextDelay(code, heldMs) {
    if (heldMs >= STABLE_MS) this.#waits = 0;
    const bye = this.#byeWindow;
    this.#byeWindow = null;
    const waitsBefore = this.#waits++;
    if (code === RECONNECT_NOW && waitsBefore === 0) return 0;
    const [low, high] = bye ?? this.#window;
    const step = BACKOFF_FIRST_MS * 2 ** waitsBefore;
    const ceiling = bye ? high : Math.max(low, Math.min(high, step));
    return low + this.#random() * (ceiling - low);
  }
}
