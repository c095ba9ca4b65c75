import { toPublication } from './bodies.js';
import { Chain } from './chain.js';
import { spread } from './environment.js';
import { ChannelError } from './events.js';
import { ANSWER_TIMEOUT_MS, JOINS_MAX, REPAIRS_MAX, RETRY_MS } from './limits.js';

// One group that the client has joined at the server: owns the join and the position. It joins again
// on every new connection, checks that messages continue, repairs holes, and passes what comes to
// its subscriptions. It ends when the last of them leaves.
export class Membership {
  state = 'joining'; // joining → joined ⇄ resuming; ended
  newest = null; // {epoch, offset} of the newest message that came of this log
  #join = 'none'; // on this connection: none → sent → answered; events count once it is answered
  #joinId = null; // of the newest join, while it is not answered
  #joinsUnanswered = 0; // in a row, on this connection
  #head = null; // of the log, as the answer to the newest join told it
  #isGapDue = false; // the log cannot give all that the newest join asked for: a gap comes next
  #repairs = 0; // since the last message that continued
  #timer; // until the join is repeated
  #listeners = new Set(); // of the subscriptions
  #turns = Promise.resolve();
  #chain;
  #services;
  #onEnded;

  // services: {environment, connection, outbox, counters}
  constructor(group, options, services, onEnded) {
    this.group = group;
    this.#chain = new Chain(options);
    this.#services = services;
    this.#onEnded = onEnded;
  }

  get position() {
    return this.#chain.position;
  }

  // The position that the next message must continue; null until a join is answered.
  get reached() {
    return this.#chain.reached;
  }

  // The newest position of the log that is known; null before the first join is answered.
  get head() {
    if (this.#isGapDue) return this.#head; // what came so far need not be of this log
    const { reached } = this;
    const isNewer = reached?.epoch === this.#head?.epoch && reached?.offset > this.#head?.offset;
    return isNewer ? reached : this.#head;
  }

  // True if commands that are sent now come after the join.
  get isJoinSent() {
    return this.#join !== 'none';
  }

  // listener: {joined(head, recovered), resuming(), message(publication), gap(range, isOfJoin),
  // error(code, message), ended(state, error)}
  add(listener) {
    this.#listeners.add(listener);
  }

  remove(listener) {
    this.#listeners.delete(listener);
    if (this.#listeners.size === 0) this.#end();
  }

  // Runs one history request after the other: a server takes few at a time of one member.
  inTurn(run) {
    const done = this.#turns.then(run);
    this.#turns = done.catch(() => {});
    return done;
  }

  // Joins, on a connection that is open.
  start() {
    const { environment, connection } = this.#services;
    this.#reset();
    this.#joinId = connection.command('add_group', this.group, this.#chain.joinFields());
    if (this.#joinId === null) {
      const limit = connection.messageBytesMax;
      const message = `the group and the position are too large: the server takes ${limit} bytes`;
      // Later, so that the caller of `join` can add its listeners.
      Promise.resolve().then(() => this.#joinFailed({ code: 'too_large', message }));
      return;
    }
    this.#join = 'sent';
    this.#joinsUnanswered++;
    this.#timer = environment.setTimeout(() => this.#notAnswered(), ANSWER_TIMEOUT_MS);
  }

  onLost() {
    this.#reset();
    this.#joinsUnanswered = 0;
    if (this.state === 'joined') this.#resume();
  }

  // The connection has ended, and with it all subscriptions.
  stop(state, error) {
    this.#reset();
    this.state = 'ended';
    this.#each((listener) => listener.ended(state, error));
  }

  // True if the frame was the answer to the newest join.
  onAnswer(frame) {
    if (frame.id !== this.#joinId) return false;
    this.#reset();
    this.#joinsUnanswered = 0;
    if (frame.event === 'error') this.#joinFailed(frame);
    else if (this.#chain.onJoined(frame)) this.#joined(frame);
    else this.start();
    return true;
  }

  onEvent(frame) {
    if (frame.event === 'error') {
      this.#tellError(frame);
    } else if (this.#join === 'answered') {
      const isOfJoin = this.#isGapDue;
      this.#isGapDue = false;
      if (frame.event === 'message') this.#received(toPublication(frame));
      else if (frame.event === 'gap') this.#lost(this.#chain.onGap(frame), isOfJoin);
    } // else it is of before the join, which brings it again
  }

  #end() {
    if (this.state === 'ended') return;
    const { connection } = this.#services;
    this.#reset();
    this.state = 'ended';
    if (connection.isOpen) connection.command('leave_group', this.group);
    this.#onEnded();
  }

  #reset() {
    this.#services.environment.clearTimeout(this.#timer);
    this.#join = 'none';
    this.#joinId = null;
  }

  // A listener may join and leave meanwhile: new subscriptions were not there when this happened.
  #each(tell) {
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) tell(listener);
    }
  }

  #tellError({ code, message }) {
    this.#each((listener) => listener.error(code, message));
  }

  #joined({ epoch, offset, recovered = true }) {
    this.#join = 'answered';
    this.state = 'joined';
    this.#head = { epoch, offset };
    this.#isGapDue = !recovered;
    this.#each((listener) => listener.joined({ epoch, offset }, recovered));
    this.#services.outbox.pump(); // a history may wait for this
  }

  #resume() {
    this.state = 'resuming';
    this.#each((listener) => listener.resuming());
  }

  // The connection watches itself: it lives, or it will be given up soon.
  #notAnswered() {
    if (this.#joinsUnanswered < JOINS_MAX) this.start();
    else this.#joinFailed({ code: 'timeout', message: 'the server does not answer the join' });
  }

  #joinFailed({ code, message, retryable, retry_ms: retryMs = RETRY_MS }) {
    if (retryable) {
      this.#startLater(retryMs);
      this.#tellError({ code, message });
      return;
    }
    this.#end(); // also at the server: it may have been a repair
    const error = new ChannelError(code, message, { group: this.group });
    this.#each((listener) => listener.ended('failed', error));
    this.#tellError({ code, message });
  }

  #startLater(ms) {
    const { environment, outbox } = this.#services;
    this.#timer = environment.setTimeout(
      () => {
        this.start();
        outbox.pump(); // sends wait for the join
      },
      spread(environment, ms),
    );
  }

  #received(publication) {
    const { counters } = this.#services;
    let verdict = this.#chain.onMessage(publication);
    if (verdict === 'hole') {
      counters.holes++;
      if (this.#repairs++ < REPAIRS_MAX) {
        this.#repair(publication);
        return;
      }
      counters.missed++;
      this.#giveUpRepair(publication);
      if (this.state === 'ended') return;
      verdict = this.#chain.onMessage(publication);
    }
    this.#repairs = 0;
    if (verdict === 'new') {
      this.newest = { epoch: publication.epoch, offset: publication.offset };
      this.#each((listener) => listener.message(publication));
    } else {
      counters.duplicates++;
    }
  }

  // The message itself is dropped: it comes again, behind what is missing.
  #repair({ offset }) {
    this.start();
    const { offset: after } = this.position;
    this.#resume();
    const message = `messages between ${after} and ${offset} did not come; asking for them`;
    this.#tellError({ code: 'hole', message });
  }

  // The servers say again and again that this message follows the position: they contradict
  // themselves. The group goes on, and its subscriptions are told of the loss.
  #giveUpRepair({ epoch, previousOffset }) {
    const { offset: after } = this.position;
    this.#lost(this.#chain.onGap({ epoch, after, before: previousOffset + 1, reason: 'hole' }));
  }

  #lost(gap, isOfJoin = false) {
    if (!gap) return;
    const { epoch, before, reason } = gap;
    const isPutBack = reason === 'position';
    if (isPutBack || this.newest?.epoch !== epoch) this.newest = null;
    const isHeadOld = isPutBack || this.#head.epoch !== epoch;
    if (isHeadOld && !isOfJoin) this.#head = { epoch, offset: before - 1 };
    this.#each((listener) => listener.gap(gap, isOfJoin));
  }
}
