// A clock that stands still until a test moves it.

export class FakeTime {
  now = 1_000_000; // as performance.now()
  wallOffset = 1_800_000_000_000; // of Date.now() to it; a test that changes it sets the clock
  #timers = new Map(); // id → {due, run}
  #lastId = 0;

  setTimeout = (run, ms) => {
    this.#timers.set(++this.#lastId, { due: this.now + ms, run });
    return this.#lastId;
  };

  clearTimeout = (id) => this.#timers.delete(id);

  get pending() {
    return this.#timers.size;
  }

  get wall() {
    return this.now + this.wallOffset;
  }

  // Moves on, timer by timer, and lets promises settle in between.
  async advance(ms) {
    const end = this.now + ms;
    await settled();
    for (;;) {
      const next = [...this.#timers].sort(([, a], [, b]) => a.due - b.due)[0];
      if (!next || next[1].due > end) break;
      this.now = Math.max(this.now, next[1].due);
      this.#timers.delete(next[0]);
      next[1].run();
      await settled();
    }
    this.now = end;
  }

  // As in a tab that sleeps: no timer runs on the way; the ones that are due run when it wakes up.
  async sleep(ms) {
    this.now += ms;
    await this.advance(0);
  }
}

export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
