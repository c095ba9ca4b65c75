import { spread } from './environment.js';
import { REPAIRS_MAX, RETRY_MS } from './limits.js';

// Brings one subscription up to the live messages of its membership: fetches what it asked for from
// the history, page by page, until nothing that came live is left to fetch.
export class CatchUp {
  #state = 'waiting'; // waiting (for the join) → fetching → done
  #position; // {epoch, offset} that everything was delivered up to; null with `last` at first
  #last;
  #membership;
  #environment;
  #outbox;
  #owner;
  #on;
  #emptyRounds = 0; // answers in a row that brought nothing
  #timer; // until the next fetch

  // owner: the Subscription. on: {begun(head, recovered), message(publication), gap(range),
  // failed(error, isFetchedAgain), done()}
  constructor(membership, { environment, outbox }, { since, last }, owner, on) {
    this.#membership = membership;
    this.#environment = environment;
    this.#outbox = outbox;
    this.#position = since ? { epoch: since.epoch, offset: since.offset } : null;
    this.#last = last;
    this.#owner = owner;
    this.#on = on;
  }

  get position() {
    return this.#position;
  }

  start() {
    if (this.#state === 'waiting') this.#fetch();
  }

  stop() {
    this.#environment.clearTimeout(this.#timer);
    this.#state = 'done';
  }

  // The log goes back to an older state, and what was delivered from `before` on is not of it.
  putBack({ epoch, before }) {
    if (this.#position.epoch !== epoch) return;
    this.#position = { epoch, offset: before - 1 };
    this.#on.gap({ epoch, after: 0, before, reason: 'position' });
  }

  async #fetch() {
    if (this.#state === 'done') return;
    this.#state = 'fetching';
    try {
      await this.#membership.inTurn(async () => {
        if (this.#state === 'done') return;
        const from = this.#position;
        const fields = from ? { since: from } : { last: this.#last };
        const answer = await this.#outbox.history(this.#membership, this.#owner, fields);
        if (this.#position === from) this.#fetched(answer);
        else this.#fetch(); // the log was put back meanwhile
      });
    } catch (error) {
      if (this.#state !== 'done') this.#failed(error);
    }
  }

  #failed(error) {
    const isFetchedAgain = error.code === 'timeout' || error.code === 'queue_full';
    if (isFetchedAgain) this.#fetchLater();
    this.#on.failed(error, isFetchedAgain);
  }

  #fetchLater() {
    const ms = spread(this.#environment, RETRY_MS);
    this.#timer = this.#environment.setTimeout(() => this.#fetch(), ms);
  }

  // A listener may end the subscription whenever it is told something.
  #fetched({ epoch, offset, recovered, publications, more }) {
    if (this.#state === 'done') return;
    this.#on.begun({ epoch, offset }, recovered);
    if (this.#state === 'done') return;
    if (!recovered && this.#position) this.#notRecovered(epoch, publications[0], offset);
    for (const publication of publications) {
      if (this.#state === 'done') return;
      if (this.#hasDelivered(publication)) continue;
      if (this.#position) this.#lostUpTo(epoch, publication.previousOffset, 'retention');
      this.#position = { epoch, offset: publication.offset };
      this.#on.message(publication);
    }
    if (this.#state === 'done') return;
    this.#position ??= { epoch, offset };
    this.#goOn(more, publications.length > 0);
  }

  #notRecovered(epoch, first, head) {
    const begin = first?.previousOffset ?? head;
    if (this.#position.epoch !== epoch) this.#lostUpTo(epoch, begin, 'epoch');
    else if (begin >= this.#position.offset) this.#lostUpTo(epoch, begin, 'retention');
    else this.putBack({ epoch, before: begin + 1 });
  }

  #hasDelivered({ epoch, offset }) {
    return this.#position?.epoch === epoch && offset <= this.#position.offset;
  }

  #lostUpTo(epoch, offset, reason) {
    if (this.#hasDelivered({ epoch, offset })) return;
    const after = this.#position.offset;
    this.#position = { epoch, offset };
    this.#on.gap({ epoch, after, before: offset + 1, reason });
  }

  // Live messages that came meanwhile are fetched next.
  #goOn(more, hasBrought) {
    const { newest, reached } = this.#membership;
    if (!more && (!newest || this.#hasDelivered(newest))) {
      this.#finish();
    } else if (hasBrought) {
      this.#emptyRounds = 0;
      this.#fetch();
    } else if (++this.#emptyRounds < REPAIRS_MAX) {
      this.#fetchLater();
    } else {
      // The server contradicts itself, or is in an epoch that the membership does not know yet.
      if (reached.epoch === this.#position.epoch) {
        this.#lostUpTo(reached.epoch, reached.offset, 'hole');
      }
      this.#finish();
    }
  }

  #finish() {
    if (this.#state === 'done') return;
    this.#state = 'done';
    this.#on.done();
  }
}
