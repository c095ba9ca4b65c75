import { KEY_AGE_MAX_MS, KEYS_MAX } from './limits.js';

// The position of one group, and the check that every message continues it.
export class Chain {
  position; // {epoch, offset}: what came so far; null until it is known
  #last;
  #head = null; // of a join with `last` of which nothing came yet: the chain begins at or before it
  #keys = new Map(); // key → {epoch, time} of its message; the newest keys, oldest first

  constructor({ since, last }) {
    this.position = since ? { epoch: since.epoch, offset: since.offset } : null;
    this.#last = last;
  }

  // From where to join, as fields of add_group.
  from() {
    if (this.position) return { since: this.position };
    return this.#last === undefined ? {} : { last: this.#last };
  }

  // Where the next message continues; null until a join is answered.
  get best() {
    return this.position ?? this.#head;
  }

  // False: what came is not a continuation; join again from from().
  onJoined({ epoch, offset }) {
    if (this.position) return true; // what was missed comes next, or a gap
    if (this.#last === undefined) {
      this.position = { epoch, offset };
    } else if (this.#head && epoch !== this.#head.epoch) {
      this.position = this.#head; // what came since the first join is gone; a join tells the range
      return false;
    }
    this.#head ??= { epoch, offset };
    return true;
  }

  // 'new' (the position is now this message), 'duplicate' or 'hole' (the position is unchanged).
  onMessage({ epoch, offset, previousOffset, key, time }) {
    const before = this.best;
    if (epoch !== before.epoch || previousOffset > before.offset) {
      this.position = before;
      return 'hole';
    }
    if (this.position && offset <= before.offset) return 'duplicate';
    this.position = { epoch, offset };
    return this.#isKnown(key, epoch, time) ? 'duplicate' : 'new';
  }

  // The range that is lost, or null if nothing of it is news.
  onGap({ epoch, after, before, reason }) {
    const from = this.best;
    const end = before - 1;
    // With `position` this log never gave our position: it goes back to a smaller one.
    const isOld = reason === 'position' ? end === from.offset : end <= from.offset;
    if (epoch === from.epoch && isOld) return null;
    this.position = { epoch, offset: end };
    // What came last here may be older than what the edge had: then the range is wider.
    return { epoch, after: Math.min(after, from.offset), before, reason };
  }

  // A message that was sent, but not answered when the service lost its memory, is sent again and
  // gets a position of the new epoch; only its key tells. Within one epoch the service compares
  // keys itself, and what it lets through is a message of its own.
  #isKnown(key, epoch, time) {
    if (key === undefined) return false;
    for (const [old, known] of this.#keys) {
      if (time - known.time <= KEY_AGE_MAX_MS && this.#keys.size < KEYS_MAX) break;
      this.#keys.delete(old);
    }
    const known = this.#keys.get(key);
    this.#keys.delete(key); // to become the newest
    this.#keys.set(key, { epoch, time });
    return known !== undefined && known.epoch !== epoch;
  }
}
