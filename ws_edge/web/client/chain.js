// The position of one membership, and the check that every message continues it.
export class Chain {
  position; // {epoch, offset} that everything came up to; null until it is known
  #last; // newest messages to ask for, as long as there is no position
  #begin = null; // head of the first join: with `last` the chain begins there or before

  constructor({ since, last }) {
    this.position = since ? { epoch: since.epoch, offset: since.offset } : null;
    this.#last = last;
  }

  // The fields of add_group that say from where to join.
  joinFields() {
    if (this.position) return { since: this.position };
    return this.#last === undefined ? {} : { last: this.#last };
  }

  // The position that the next message must continue; null until a join is answered.
  get reached() {
    return this.position ?? this.#begin;
  }

  // Returns false if the log of the first join is gone: a join from its head will tell the loss.
  onJoined({ epoch, offset }) {
    if (this.position) return true; // what was missed comes next, or a gap
    if (this.#last === undefined) {
      this.position = { epoch, offset };
    } else if (this.#begin && epoch !== this.#begin.epoch) {
      this.position = this.#begin;
      return false;
    }
    this.#begin ??= { epoch, offset };
    return true;
  }

  // Returns 'new' (the position is now this message), 'duplicate', or 'hole' (the position stays).
  onMessage({ epoch, offset, previousOffset }) {
    const before = this.reached;
    if (epoch !== before.epoch || previousOffset > before.offset) {
      this.position = before;
      return 'hole';
    }
    if (this.position && offset <= before.offset) return 'duplicate';
    this.position = { epoch, offset };
    return 'new';
  }

  // Returns the range that is lost, or null if nothing of it is news.
  onGap({ epoch, after, before, reason }) {
    const from = this.reached;
    const end = before - 1;
    // With `position` this log never gave our position: it goes back to a smaller one.
    const isOld = reason === 'position' ? end === from.offset : end <= from.offset;
    // Without a position it is of the join with `last`: fewer are held than there were.
    if (this.position && epoch === from.epoch && isOld) return null;
    this.position = { epoch, offset: end };
    // The edge may have had more than what came here: then the range is wider.
    return { epoch, after: Math.min(after, from.offset), before, reason };
  }
}
