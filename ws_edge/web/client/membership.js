import { toPublication } from './bodies.js';
import { Chain } from './chain.js';
import { ANSWER_TIMEOUT_MS, JOINS_MAX, REPAIRS_MAX, RETRY_MS } from './limits.js';
import { end, onGap, onJoined, onMessage, onResuming } from './subscription.js';
import { ChannelError, tell } from './tell.js';

// One group that is joined at the server, and joined again on every new connection, from its
// position. What comes goes to its subscriptions; the last one that leaves ends it.
export class Membership {
  state = 'joining'; // joining → joined ⇄ resuming; left, failed: over
  newest = null; // {epoch, offset} of the newest message that came of this log
  #head = null; // of the log, as the newest join was told it
  #core;
  #chain;
  #subscriptions = new Set();
  #joinId = null; // of the join that is not answered
  #accepting = false; // since the answer to the join, on this connection
  #isGapDue = false; // next, of that join
  #timer; // until the join is tried again
  #unanswered = 0; // joins, on this connection
  #repairs = 0; // since a message was accepted last
  #turns = Promise.resolve();

  constructor(core, group, options) {
    this.#core = core;
    this.#chain = new Chain(options);
    this.group = group;
  }

  get position() {
    return this.#chain.position;
  }

  // Where it begins to be continued; null until that is known.
  get best() {
    return this.#chain.best;
  }

  // The newest position of the log that is known; null before the first join is answered.
  get head() {
    if (this.#isGapDue) return this.#head; // what came so far need not be of this log
    const { best } = this;
    const isNewer = best?.epoch === this.#head?.epoch && best?.offset > this.#head?.offset;
    return isNewer ? best : this.#head;
  }

  // Whether the join is sent on this connection, so that what is sent now comes after it.
  get hasAsked() {
    return this.#accepting || this.#joinId !== null;
  }

  add(subscription) {
    this.#subscriptions.add(subscription);
  }

  remove(subscription) {
    this.#core.failOwned(subscription);
    this.#subscriptions.delete(subscription);
    if (this.#subscriptions.size === 0) this.#end('left');
  }

  // One after the other: a server takes few at a time for one member.
  inTurn(run) {
    const done = this.#turns.then(run);
    this.#turns = done.catch(() => {});
    return done;
  }

  // Joins, on a connection that is open.
  start() {
    this.#reset();
    this.#joinId = this.#core.command('add_group', this.group, this.#chain.from());
    this.#unanswered++;
    this.#timer = this.#core.env.setTimeout(() => this.#notAnswered(), ANSWER_TIMEOUT_MS);
  }

  onLost() {
    this.#reset();
    this.#unanswered = 0;
    if (this.state === 'joined') this.#resuming();
  }

  // The connection has ended.
  stop(state, error) {
    this.#reset();
    this.state = state;
    this.#each((subscription) => subscription[end](state, error));
  }

  // True if the frame was the answer to the join that counts.
  onAnswer(frame) {
    if (frame.id !== this.#joinId) return false;
    this.#reset();
    this.#unanswered = 0;
    if (frame.event === 'error') this.#joinFailed(frame);
    else if (this.#chain.onJoined(frame)) this.#joinedNow(frame);
    else this.start();
    return true;
  }

  onFrame(frame) {
    if (frame.event === 'error') {
      this.#tellError(frame);
    } else if (this.#accepting) {
      const isOfJoin = this.#isGapDue;
      this.#isGapDue = false;
      if (frame.event === 'message') this.#received(toPublication(frame));
      else if (frame.event === 'gap') this.#missed(this.#chain.onGap(frame), isOfJoin);
    } // else it is of before the join, which brings it again
  }

  #end(state) {
    if (this.#isOver()) return;
    this.#reset();
    this.state = state;
    this.#core.leave(this);
  }

  #reset() {
    this.#core.env.clearTimeout(this.#timer);
    this.#accepting = false;
    this.#joinId = null;
  }

  #isOver() {
    return this.state === 'left' || this.state === 'failed';
  }

  // A listener may join and leave meanwhile: what it joins was not there when this happened.
  #each(tellOne) {
    for (const subscription of [...this.#subscriptions]) {
      if (this.#subscriptions.has(subscription)) tellOne(subscription);
    }
  }

  #tellError({ code, message }) {
    this.#each((subscription) => tell(subscription, 'error', { code, message, group: this.group }));
  }

  #joinedNow({ epoch, offset, recovered = true }) {
    this.#accepting = true;
    this.state = 'joined';
    this.#head = { epoch, offset };
    this.#isGapDue = !recovered;
    this.#each((subscription) => subscription[onJoined]({ epoch, offset }, recovered));
    this.#core.pump(); // a history may wait for this
  }

  #resuming() {
    this.state = 'resuming';
    this.#each((subscription) => subscription[onResuming]());
  }

  // The connection is watched elsewhere: it lives, or it will be given up soon.
  #notAnswered() {
    if (this.#unanswered < JOINS_MAX) this.start();
    else this.#joinFailed({ code: 'timeout', message: 'the server does not answer the join' });
  }

  #joinFailed({ code, message, retryable, retry_ms: retryMs = RETRY_MS }) {
    if (retryable) {
      this.#timer = this.#core.env.setTimeout(() => {
        this.start();
        this.#core.pump(); // sends wait for it
      }, this.#core.spread(retryMs));
      this.#tellError({ code, message });
      return;
    }
    this.#end('failed'); // also at the server: it may have been a repair
    const error = new ChannelError(code, message, { group: this.group });
    this.#each((subscription) => {
      this.#core.failOwned(subscription);
      subscription[end]('failed', error);
    });
    this.#tellError({ code, message });
  }

  #received(publication) {
    const { counters } = this.#core;
    let verdict = this.#chain.onMessage(publication);
    if (verdict === 'hole') {
      counters.holes++;
      if (this.#repairs++ < REPAIRS_MAX) {
        this.#repair(publication);
        return;
      }
      // The server says that this follows what we have, again and again. Go on, but not in silence.
      counters.missed++;
      const { epoch, previousOffset } = publication;
      const range = { epoch, after: this.position.offset, before: previousOffset + 1 };
      this.#missed(this.#chain.onGap({ ...range, reason: 'hole' }));
      if (this.#isOver()) return;
      verdict = this.#chain.onMessage(publication);
    }
    this.#repairs = 0;
    if (verdict === 'new') {
      this.newest = { epoch: publication.epoch, offset: publication.offset };
      this.#each((subscription) => subscription[onMessage](publication));
    } else {
      counters.duplicates++;
    }
  }

  // The message itself is dropped: it comes again, behind what is missing.
  #repair({ offset }) {
    this.start();
    const { offset: after } = this.position;
    this.#resuming();
    const message = `messages between ${after} and ${offset} did not come; asking for them`;
    this.#tellError({ code: 'hole', message });
  }

  #missed(gap, isOfJoin = false) {
    if (!gap) return;
    const { epoch, before, reason } = gap;
    const isPutBack = reason === 'position';
    if (isPutBack || this.newest?.epoch !== epoch) this.newest = null;
    const isHeadOld = isPutBack || this.#head.epoch !== epoch;
    if (isHeadOld && !isOfJoin) this.#head = { epoch, offset: before - 1 };
    this.#each((subscription) => subscription[onGap](gap, isOfJoin));
  }
}
