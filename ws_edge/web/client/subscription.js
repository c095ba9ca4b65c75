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
  // A position: what is not after it was told here, or was not asked for. null: the membership's.
  #own;
  #last; // newest messages to fetch, if there is no position yet
  #isLive;
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
    else if (this.#isLive) this.#own = membership.best ?? undefined; // then it is that of the join
    else this.#own = since ? { epoch: since.epoch, offset: since.offset } : null;
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
    const { position } = this.#membership;
    const own = this.#own;
    if (!this.#isLive) return own ? { ...own } : null;
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

  [onGap](gap) {
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

  #begin() {
    if (this.#state !== 'joining' || this.#isFetching) return;
    if (this.#isLive) this.#joinedNow(this.#membership.best, true);
    else this.#fetch();
  }

  #joinedNow(head, recovered) {
    if (this.#isLive && this.#own === undefined) this.#own = head;
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
        const from = this.#own ? { since: this.#own } : { last: this.#last };
        this.#fetched(await this.#core.history(this, this.#membership, from));
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
      const reason = this.#own.epoch === epoch ? 'retention' : 'epoch';
      this.#missedUpTo(epoch, publications[0]?.previousOffset ?? offset, reason);
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
      if (newest.epoch === this.#own.epoch) this.#missedUpTo(newest.epoch, newest.offset, 'hole');
    }
  }
}
