import { ANSWER_TIMEOUT_MS, ASLEEP_MS, PING_INTERVAL_MS, PROBE_TIMEOUT_MS } from './limits.js';

// Notices that the edge of one connection is gone without a word (network away, process frozen).
// The edge pings, and a browser answers without telling the page. So if nothing was heard for long,
// the client asks with a ping of its own; if nothing comes then, the connection is dead.
//
// A timer that fires late means that the tab was throttled or slept. A probe whose timer was late
// is waited for once more. Frames are never held back as timers are, so one more wait is enough.
export class Heartbeat {
  // quiet: nothing is asked; probing: a ping is under way; probing_again: the timer of the probe was
  // late; stopped
  #state = 'quiet';
  #environment;
  #intervalMs; // between two pings of the edge
  #on;
  #timer;
  #due = Infinity; // of the timer
  #quietSince; // when something was heard last, or when the client began to wait for an answer
  #awaited = new Set(); // ids of commands without an answer

  // on: {ping(), dead()}
  constructor(environment, { ping_interval_ms: intervalMs }, on) {
    this.#environment = environment;
    this.#intervalMs = intervalMs || PING_INTERVAL_MS;
    this.#on = on;
    this.#quietSince = environment.now();
    this.#watch();
  }

  get #isProbing() {
    return this.#state === 'probing' || this.#state === 'probing_again';
  }

  stop() {
    this.#environment.clearTimeout(this.#timer);
    this.#state = 'stopped';
  }

  // A command was sent that will be answered.
  onCommand(id) {
    if (this.#awaited.size === 0) this.#quietSince = this.#environment.now();
    this.#awaited.add(id);
    if (!this.#isProbing) this.#watch();
  }

  onFrame({ id }) {
    this.#quietSince = this.#environment.now();
    if (id !== undefined) this.#awaited.delete(id);
    if (!this.#isProbing) return;
    this.#state = 'quiet';
    this.#watch();
  }

  // Asks whether the edge is still there.
  probe() {
    if (this.#state !== 'quiet') return;
    this.#state = 'probing';
    this.#on.ping();
    this.#watch();
  }

  #quietMsMax() {
    return this.#awaited.size > 0 ? ANSWER_TIMEOUT_MS : 2 * this.#intervalMs;
  }

  // Messages come often, so none of them moves the timer: it looks when it fires whether it is
  // needed later.
  #watch() {
    const now = this.#environment.now();
    const quietUntil = Math.max(now, this.#quietSince + this.#quietMsMax());
    const due = this.#isProbing ? now + PROBE_TIMEOUT_MS : quietUntil;
    if (!this.#isProbing && due >= this.#due) return;
    this.#environment.clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = this.#environment.setTimeout(() => this.#look(), due - now);
  }

  #look() {
    const now = this.#environment.now();
    const wasAsleep = now - this.#due > ASLEEP_MS;
    this.#due = Infinity;
    if (this.#state === 'probing' && wasAsleep) {
      this.#state = 'probing_again';
      this.#watch();
    } else if (this.#isProbing) {
      this.#on.dead();
    } else if (now - this.#quietSince >= this.#quietMsMax()) {
      this.probe();
    } else {
      this.#watch();
    }
  }
}
