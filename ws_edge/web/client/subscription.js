import { CatchUp } from './catch_up.js';
import { ChannelError, dispatch } from './events.js';
import { KeyMemory } from './keys.js';

// The part that one caller of `join` has in a membership: owns the state that this caller was told,
// and gives it its events. The first subscription decides from where the group is joined. A later
// one begins with the next message, or with the messages that its CatchUp fetches for it.
export class Subscription extends EventTarget {
  #membership;
  #outbox;
  #counters;
  #listener;
  #state = 'joining'; // as it was told: joining → joined ⇄ resuming; left, failed
  // Which messages of the membership it takes:
  // pending: none yet; it begins at the head of the next join
  // fresh: all behind #floor, which is the head of the newest join
  // behind: none; its CatchUp fetches them
  // live: all behind #floor
  #reach;
  #floor = null; // {epoch, offset}; null: no floor, since the membership began with it
  #catchUp;
  #keys = new KeyMemory();
  #settleJoined;

  // services: {outbox, counters, environment}
  constructor(membership, services, isFirst, options) {
    super();
    this.#membership = membership;
    this.#outbox = services.outbox;
    this.#counters = services.counters;
    this.group = membership.group;
    this.joined = new Promise((resolve, reject) => {
      this.#settleJoined = { resolve, reject };
    });
    this.joined.catch(() => {}); // the state and the error event tell it, too
    this.#listener = {
      joined: (head, recovered) => this.#onJoined(head, recovered),
      resuming: () => this.#state === 'joined' && this.#changeState('resuming'),
      message: (publication) => this.#onMessage(publication),
      gap: (gap, isOfJoin) => this.#onGap(gap, isOfJoin),
      error: (code, message) => this.#tellError(code, message),
      ended: (state, error) => this.#end(state, error),
    };
    if (isFirst) {
      this.#reach = 'live';
    } else if (options.since || options.last !== undefined) {
      this.#reach = 'behind';
      this.#catchUp = this.#createCatchUp(services, options);
    } else if (membership.state === 'joined') {
      this.#beginAt(membership.head);
    } else {
      this.#reach = 'pending';
    }
    membership.add(this.#listener);
    if (isFirst) return;
    // Later, so that the caller can add its listeners.
    Promise.resolve().then(() => membership.state === 'joined' && this.#ensureBegun());
  }

  get state() {
    return this.#state;
  }

  get position() {
    const position = this.#findPosition();
    return position && { ...position };
  }

  send(message, options) {
    return this.#outbox.send(this.group, message, options);
  }

  async history({ since, last, limit } = {}) {
    if (this.#isOver()) {
      throw new ChannelError('not_joined', 'the group is not joined', { group: this.group });
    }
    return this.#outbox.history(this.#membership, this, { since, last, limit });
  }

  leave() {
    this.#endAlone('left', new ChannelError('left', 'the group was left', { group: this.group }));
  }

  #findPosition() {
    if (this.#reach === 'pending') return null;
    if (this.#reach === 'behind') return this.#catchUp.position;
    const { head, position } = this.#membership;
    const ofMembership = this.#reach === 'fresh' ? head : position;
    return ofMembership && !this.#hasDelivered(ofMembership) ? ofMembership : this.#floor;
  }

  #createCatchUp(services, options) {
    return new CatchUp(this.#membership, services, options, this, {
      begun: (head, recovered) => this.#state === 'joining' && this.#begin(head, recovered),
      message: (publication) => this.#tellMessage(publication),
      gap: (range) => this.#tellGap(range),
      failed: (error, isFetchedAgain) => {
        if (!isFetchedAgain) this.#endAlone('failed', error);
        this.#tellError(error.code, error.message);
      },
      done: () => {
        this.#reach = 'live';
        this.#floor = this.#catchUp.position;
      },
    });
  }

  // The membership is joined, for the first time or again.
  #onJoined(head, recovered) {
    if (this.#reach === 'fresh') this.#reach = 'live';
    if (this.#state === 'resuming') this.#changeState('joined', { recovered, head });
    else if (this.#reach === 'behind') this.#catchUp.start();
    else this.#begin(head, recovered);
  }

  #onMessage(publication) {
    if (this.#reach === 'behind' || this.#hasDelivered(publication)) return;
    this.#ensureBegun();
    this.#tellMessage(publication);
  }

  // isOfJoin: the gap belongs to the answer to the newest join.
  #onGap(gap, isOfJoin) {
    const { epoch, before, reason } = gap;
    if (reason === 'position') {
      // A subscription that begins at the head of this join was told nothing from before it.
      if (!(isOfJoin && this.#reach === 'fresh')) this.#putBack(gap);
      return;
    }
    if (this.#reach === 'behind' || this.#hasDelivered({ epoch, offset: before - 1 })) return;
    this.#ensureBegun();
    const floor = this.#floor?.epoch === epoch ? this.#floor.offset : 0;
    this.#tellGap({ ...gap, after: Math.max(gap.after, floor) });
  }

  // The log never gave what was delivered here. A position that the caller gave, and from which
  // nothing was fetched yet, is judged by the history itself.
  #putBack({ epoch, before, reason }) {
    if (this.#reach === 'behind') {
      if (this.#state !== 'joining') this.#catchUp.putBack({ epoch, before });
      return;
    }
    this.#ensureBegun();
    if (this.#floor) this.#floor = { epoch, offset: before - 1 };
    this.#tellGap({ epoch, after: 0, before, reason });
  }

  #hasDelivered({ epoch, offset }) {
    return this.#floor?.epoch === epoch && offset <= this.#floor.offset;
  }

  #beginAt(head) {
    this.#floor = head;
    this.#reach = 'fresh';
  }

  #ensureBegun() {
    if (this.#state !== 'joining') return;
    if (this.#reach === 'behind') this.#catchUp.start();
    else this.#begin(this.#membership.head, true);
  }

  #begin(head, recovered) {
    let isWhole = recovered;
    if (this.#reach === 'pending') {
      this.#beginAt(head);
      isWhole = true; // nothing that it asks for is missing, whatever the others have lost
    }
    this.#settleJoined.resolve(head);
    this.#changeState('joined', { recovered: isWhole, head });
  }

  #isOver() {
    return this.#state === 'left' || this.#state === 'failed';
  }

  // Ends this subscription, and the membership if it was the last.
  #endAlone(state, error) {
    if (this.#isOver()) return;
    this.#membership.remove(this.#listener);
    this.#end(state, error);
  }

  #end(state, error) {
    if (this.#isOver()) return;
    this.#catchUp?.stop();
    this.#outbox.fail('not_joined', 'the group is not joined any more', this);
    this.#settleJoined.reject(error);
    this.#changeState(state, { error });
  }

  #changeState(state, fields) {
    if (this.#state === state) return;
    this.#state = state;
    dispatch(this, 'state', { state, ...fields });
  }

  #tellMessage(publication) {
    if (this.#keys.isRepetition(publication)) {
      this.#counters.duplicates++;
      return;
    }
    this.#counters.messages++;
    dispatch(this, 'message', publication);
  }

  #tellGap(gap) {
    this.#counters.gaps++;
    dispatch(this, 'gap', { group: this.group, ...gap });
  }

  #tellError(code, message) {
    dispatch(this, 'error', { code, message, group: this.group });
  }
}
