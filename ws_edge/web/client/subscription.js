import { REPAIRS_MAX, RETRY_MS } from './limits.js';
import { ChannelError, tell } from './tell.js';

// For its Membership only.
export const onJoined = Symbol('onJoined');
export const onResuming = Symbol('onResuming');
export const onMessage = Symbol('onMessage');
export const onGap = Symbol('onGap');
export const end = Symbol('end');

// What one caller of join holds of a membership. The first of them decides from where the group is
// joined. A later one that asks for more than what comes from now on fetches that from the history,
// while what comes is not told here but fetched as well; when nothing is left it is live.
export class Subscription extends EventTarget {
  #core;
  #membership;
  #state = 'joining'; // joining → joined ⇄ resuming; left, failed: over
  // A position: what is not after it was told here, or was not asked for. null: the membership's;
  // undefined: the head of the join that is not answered yet.
  #own;
  #last; // newest messages to fetch, if there is no position yet
  #isLive;
  #isNew = false; // it began at the head of the join that counts, so it misses nothing before that
  #isFetching = false;
  #emptyRounds = 0; // of fetching
  #timer; // until the next fetch
  #settleJoined;

  constructor(core, membership, isFirst, { since, last }) {
    super();
    this.#core = core;
    this.#membership = membership;
    this.#isLive = isFirst || !(since || last !== undefined);
    this.#last = last;
    if (isFirst) this.#own = null;
    else if (!this.#isLive) this.#own = since ? { epoch: since.epoch, offset: since.offset } : null;
    else if (membership.state === 'joined') this.#beginAt(membership.head);
    this.group = membership.group;
    this.joined = new Promise((resolve, reject) => {
      this.#settleJoined = { resolve, reject };
    });
    this.joined.catch(() => {}); // the state and the error event tell it, too
    membership.add(this);
    if (isFirst) return;
    // Not before the caller could listen.
    Promise.resolve().then(() => membership.state === 'joined' && this.#begin());
  }

  get state() {
    return this.#state;
  }

  get position() {
    const own = this.#own;
    if (own === undefined) return null;
    if (!this.#isLive) return own ? { ...own } : null;
    const position = this.#isNew ? this.#membership.head : this.#membership.position;
    const isLater = position && (own?.epoch !== position.epoch || position.offset > own.offset);
    const later = isLater ? position : own;
    return later ? { ...later } : null;
  }

  send(message, options) {
    return this.#core.send(this.group, message, options);
  }

  async history({ since, last, limit } = {}) {
    if (this.#isOver()) {
      throw new ChannelError('not_joined', 'the group is not joined', { group: this.group });
    }
    return this.#core.history(this, this.#membership, { since, last, limit });
  }

  leave() {
    if (this.#isOver()) return;
    this.#over('left', new ChannelError('left', 'the group was left', { group: this.group }));
  }

  // The membership is joined, for the first time or again.
  [onJoined](head, recovered) {
    this.#isNew = false;
    if (this.#state === 'resuming') this.#setState('joined', { recovered, head });
    else if (this.#isLive) this.#joinedNow(head, recovered);
    else this.#begin();
  }

  [onResuming]() {
    if (this.#state === 'joined') this.#setState('resuming');
  }

  [onMessage](publication) {
    if (!this.#isLive || this.#hasTold(publication.epoch, publication.offset)) return;
    this.#begin();
    this.#tellMessage(publication);
  }

  // isOfJoin: it belongs to the answer to the newest join.
  [onGap](gap, isOfJoin) {
    if (gap.reason === 'position') {
      if (!(isOfJoin && this.#isNew)) this.#putBack(gap);
      return;
    }
    if (!this.#isLive || this.#hasTold(gap.epoch, gap.before - 1)) return;
    this.#begin();
    const own = this.#own?.epoch === gap.epoch ? this.#own.offset : 0;
    this.#tellGap({ ...gap, after: Math.max(gap.after, own) });
  }

  [end](state, error) {
    if (this.#isOver()) return;
    this.#core.env.clearTimeout(this.#timer);
    this.#settleJoined.reject(error);
    this.#setState(state, { error });
  }

  #isOver() {
    return this.#state === 'left' || this.#state === 'failed';
  }

  #over(state, error) {
    this.#membership.remove(this);
    this[end](state, error);
  }

  #hasTold(epoch, offset) {
    return this.#own?.epoch === epoch && offset <= this.#own.offset;
  }

  // The log never gave what was told here. A position that the caller gave and that nothing was
  // fetched from is judged by the history itself.
  #putBack({ epoch, before, reason }) {
    if (this.#isLive) this.#begin();
    else if (this.#state === 'joining' || this.#own.epoch !== epoch) return;
    if (this.#own) this.#own = { epoch, offset: before - 1 };
    this.#tellGap({ epoch, after: 0, before, reason });
  }

  #beginAt(head) {
    this.#own = head;
    this.#isNew = true;
  }

  #begin() {
    if (this.#state !== 'joining' || this.#isFetching) return;
    if (this.#isLive) this.#joinedNow(this.#membership.head, true);
    else this.#fetch();
  }

  #joinedNow(head, recovered) {
    if (this.#own === undefined) {
      this.#beginAt(head);
      recovered = true; // nothing that it asks for is missing, whatever others have lost
    }
    this.#settleJoined.resolve(head);
    this.#setState('joined', { recovered, head });
  }

  #setState(state, fields) {
    if (this.#state === state) return;
    this.#state = state;
    tell(this, 'state', { state, ...fields });
  }

  #tellMessage(publication) {
    this.#core.counters.messages++;
    tell(this, 'message', publication);
  }

  #tellGap(gap) {
    this.#core.counters.gaps++;
    tell(this, 'gap', { group: this.group, ...gap });
  }

  async #fetch() {
    this.#isFetching = true; // until it is live
    try {
      await this.#membership.inTurn(async () => {
        if (this.#isOver()) return;
        const own = this.#own;
        const from = own ? { since: own } : { last: this.#last };
        const answer = await this.#core.history(this, this.#membership, from);
        if (this.#own === own) this.#fetched(answer);
        else this.#fetch(); // the log was put back meanwhile
      });
    } catch (error) {
      if (!this.#isOver()) this.#fetchFailed(error);
    }
  }

  #fetchFailed(error) {
    if (error.code === 'timeout' || error.code === 'queue_full') this.#fetchLater();
    else this.#over('failed', error);
    tell(this, 'error', { code: error.code, message: error.message, group: this.group });
  }

  #fetchLater() {
    this.#timer = this.#core.env.setTimeout(() => this.#fetch(), this.#core.spread(RETRY_MS));
  }

  #fetched({ epoch, offset, recovered, publications, more }) {
    if (this.#isOver()) return;
    if (this.#state === 'joining') this.#joinedNow({ epoch, offset }, recovered);
    if (!recovered && this.#own) {
      const begin = publications[0]?.previousOffset ?? offset;
      if (this.#own.epoch !== epoch) this.#missedUpTo(epoch, begin, 'epoch');
      else if (begin >= this.#own.offset) this.#missedUpTo(epoch, begin, 'retention');
      else this.#putBack({ epoch, before: begin + 1, reason: 'position' });
    }
    for (const publication of publications) {
      if (this.#isOver()) return;
      if (this.#hasTold(publication.epoch, publication.offset)) continue;
      if (this.#own) this.#missedUpTo(epoch, publication.previousOffset, 'retention');
      this.#own = { epoch, offset: publication.offset };
      this.#tellMessage(publication);
    }
    if (this.#isOver()) return;
    this.#own ??= { epoch, offset };
    this.#goOn(more, publications.length > 0);
  }

  #missedUpTo(epoch, offset, reason) {
    if (this.#hasTold(epoch, offset)) return;
    const after = this.#own.offset;
    this.#own = { epoch, offset };
    this.#tellGap({ epoch, after, before: offset + 1, reason });
  }

  // What came for the membership meanwhile and is not in what was fetched is fetched next.
  #goOn(more, hasBrought) {
    const { newest } = this.#membership;
    if (!more && (!newest || this.#hasTold(newest.epoch, newest.offset))) {
      this.#isLive = true;
    } else if (hasBrought) {
      this.#emptyRounds = 0;
      this.#fetch();
    } else if (++this.#emptyRounds < REPAIRS_MAX) {
      this.#fetchLater();
    } else {
      // Of an epoch that the membership does not know yet, or the server contradicts itself.
      this.#isLive = true;
      const { best } = this.#membership; // it goes on from there
      if (best.epoch === this.#own.epoch) this.#missedUpTo(best.epoch, best.offset, 'hole');
    }
  }
}
