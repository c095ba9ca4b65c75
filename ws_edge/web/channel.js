// The browser client of Channel: groups over one WebSocket, and nothing is lost in silence.
//
//   import { connect } from '/channel.js';
//   const channel = connect(); // to the edge that served this file
//   channel.addEventListener('state', ({ state }) => console.log(state));
//
//   const room = channel.join('123', { last: 50 });
//   room.addEventListener('message', ({ message, time }) => console.log(new Date(time), message));
//   room.addEventListener('gap', ({ reason }) => console.log(`something is missing: ${reason}`));
//   room.addEventListener('error', ({ code, message }) => console.log(code, message));
//   const { offset } = await room.send({ text: 'hello' });
//   console.log(`message ${offset} is in the log; join('123', { since }) resumes`, room.position);
//
// channel.d.ts describes every call, event and promise. It is one file on purpose, longer than the
// others here: a page, a bundler or Node (18 and later) takes it alone.
//
// From the inside out: Chain decides what is new, twice or missing; Membership is one joined group,
// Subscription what each caller of join has of it; Outbox keeps what was sent until it is answered;
// Connection keeps a WebSocket open; Core joins them. Everywhere the own state is brought up to date first and listeners are told last: a
// listener may call anything here, and one that throws stops nothing.

const PROTOCOL = 'channel.v1.json';

// Connection. The edge answers a publication within 10 s, if only with "unavailable".
const RECONNECT_WINDOW_MS = [200, 15_000]; // until a welcome gives another
const BACKOFF_FIRST_MS = 1000;
const STABLE_MS = 5000; // a connection that held this long starts the back-off afresh
const ATTEMPT_TIMEOUT_MS = 10_000; // a frozen edge accepts and never answers
const ANSWER_TIMEOUT_MS = 15_000; // no sign of life for so long while we wait: ask
const PING_INTERVAL_MS = 25_000; // the edge's own, until a welcome gives another
const PROBE_TIMEOUT_MS = 10_000; // as the edge gives its clients
const ASLEEP_MS = 2000; // a timer that is later than this: the tab was throttled, or slept
const WAKE_SPACING_MS = 1000; // behind an attempt, however many signs of a network come

// Messages
const DEPTH_MAX = 32; // of arrays and objects that an edge reads; the frame is one itself
const SEND_TIMEOUT_MS = 60_000;
const SEND_TIMEOUT_MAX_MS = 100_000; // and 10 s at the edge: the service still knows the key
const KEY_AGE_MAX_MS = 120_000; // no message is sent again later, see Chain
const KEYS_MAX = 16_384; // remembered for each group
const QUEUE_MESSAGES_MAX = 1000;
const QUEUE_BYTES_MAX = 4 * 1024 * 1024;
const RETRY_MS = 1000; // after a retryable error that does not say when
const REPAIRS_MAX = 3; // of one hole, before it is given up and announced
const JOINS_MAX = 5; // of one group on one connection, without any answer: over a minute in all

export class ChannelError extends Error {
  name = 'ChannelError';

  constructor(code, message, { maybePublished = false, group } = {}) {
    super(message);
    this.code = code;
    this.maybePublished = maybePublished;
    this.group = group;
  }
}

// What one member may not guess of another: whoever knows a key could publish under it first.
export function randomKey() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function connect(url, options) {
  return new ChannelClient(url, options);
}

function tell(target, type, fields) {
  target.dispatchEvent(Object.assign(new Event(type), fields));
}

const encoder = new TextEncoder();
const LONE_SURROGATE = /\p{Surrogate}/u;

// In a text of JSON.stringify a surrogate is escaped only if it has no other half.
const HALF_CHARACTER = /[^\\](?:\\\\)*\\ud/;

// What is often tried, and what to send in its place.
const INSTEAD = {
  Map: 'Object.fromEntries(map)',
  Set: '[...set]',
  Promise: 'what it resolves with: await it',
  Error: 'its message',
  Blob: 'await blob.arrayBuffer()',
  File: 'await file.arrayBuffer()',
  SharedArrayBuffer: 'a Uint8Array of it',
};
const ALLOWED =
  'Allowed are null, booleans, finite numbers, strings, arrays, plain objects and what has toJSON; ' +
  'and bytes, alone: an ArrayBuffer or a view of one';

const builtInName = (value) => Object.prototype.toString.call(value).slice(8, -1);

// The bytes of an ArrayBuffer or of a view of one; undefined for anything else.
function bytesOf(value) {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  return builtInName(value) === 'ArrayBuffer' ? new Uint8Array(value) : undefined;
}

function toBase64(bytes) {
  let text = '';
  const step = 8192; // as many arguments as a call surely takes
  for (let i = 0; i < bytes.length; i += step) {
    text += String.fromCharCode(...bytes.subarray(i, i + step));
  }
  return btoa(text);
}

// What JSON would make of it in silence: nothing, null or {}. original: before its toJSON.
function unsendableBecause(value, original, isMember) {
  if (bytesOf(original)) return 'bytes inside of something else; send them alone, or as a string';
  if (value === null) return builtInName(original) === 'Date' ? 'an invalid Date' : undefined;
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : String(value);
    case 'undefined':
      return isMember ? undefined : 'undefined'; // a member without a value is none
    case 'bigint':
      return 'a BigInt; send String(it)';
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
    case 'object':
      break;
    default:
      return undefined;
  }
  const name = builtInName(value);
  if (['Array', 'Number', 'String', 'Boolean'].includes(name)) return undefined;
  if (name !== 'Object') return `a ${name}${INSTEAD[name] ? `; send ${INSTEAD[name]}` : ''}`;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  if (isPlain || Object.keys(value).length > 0) return undefined;
  return `an instance of ${prototype.constructor?.name || 'a class'} without fields`;
}

// As JSON.stringify, but what it would leave out, or make null or {} of, is a TypeError.
function toJson(message, group) {
  const holders = []; // from the message down to what is looked at
  const names = [];
  return JSON.stringify(message, function check(name, value) {
    while (holders.length > 0 && holders.at(-1) !== this) holders.pop();
    names[holders.length] = Array.isArray(this) ? `[${name}]` : `.${name}`;
    const isMember = holders.length > 0 && !Array.isArray(this);
    const why = holders.includes(value)
      ? 'an object that it is inside of'
      : unsendableBecause(value, this[name], isMember);
    if (why) {
      const where = ['the message', ...names.slice(1, holders.length + 1)].join('');
      throw new TypeError(`${where} is ${why}. ${ALLOWED}`);
    }
    if (typeof value === 'object' && value !== null && holders.push(value) >= DEPTH_MAX) {
      const text = `the message is nested deeper than ${DEPTH_MAX - 1} levels`;
      throw new ChannelError('bad_request', `the server could not read it: ${text}`, { group });
    }
    return value;
  });
}

// A message as the member of a frame that it is sent in.
function toBody(message, group) {
  const bytes = bytesOf(message);
  return bytes ? `"data":"${toBase64(bytes)}"` : `"message":${toJson(message, group)}`;
}

function toPublication(frame) {
  const publication = {
    group: frame.group_id,
    epoch: frame.epoch,
    offset: frame.offset,
    previousOffset: frame.previous_offset,
    time: frame.time_unix_ms,
  };
  if (frame.key !== undefined) publication.key = frame.key;
  if (frame.data !== undefined) {
    publication.data = Uint8Array.from(atob(frame.data), (char) => char.charCodeAt(0));
  } else {
    publication.message = frame.message;
  }
  return publication;
}

// The position of one group, and the check that every message continues it.
class Chain {
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
    // A log that began anew may have the old name, and then its offsets are smaller.
    const isOld = reason === 'epoch' ? end === from.offset : end <= from.offset;
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

// One group that is joined at the server, and joined again on every new connection, from its
// position. What comes goes to its subscriptions; the last one that leaves ends it.
class Membership {
  state = 'joining'; // joining → joined ⇄ resuming; left, failed: over
  newest = null; // {epoch, offset} of the newest message that came
  #core;
  #chain;
  #subscriptions = new Set();
  #joinId = null; // of the join that is not answered
  #accepting = false; // since the answer to the join, on this connection
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
      if (frame.event === 'message') this.#received(toPublication(frame));
      else if (frame.event === 'gap') this.#missed(this.#chain.onGap(frame));
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

  #missed(gap) {
    if (gap) this.#each((subscription) => subscription[onGap](gap));
  }
}

// For the client only.
const onJoined = Symbol('onJoined');
const onResuming = Symbol('onResuming');
const onMessage = Symbol('onMessage');
const onGap = Symbol('onGap');
const end = Symbol('end');

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
    const after = this.#own?.epoch === gap.epoch ? Math.max(gap.after, this.#own.offset) : gap.after;
    this.#tellGap({ ...gap, after });
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

// What waits for its answer, in the order of the calls. After a loss all of it is sent again, in
// order and with its keys, so that it is published once whatever the lost connection had done. That
// holds while the service remembers the keys, so a message that is older is given up and not sent.
//
// After a retryable error the sends of the group are held: what was called later waits behind the
// message that failed. Only what was on its way already when the error came may overtake.
class Outbox {
  #core;
  #requests = new Map(); // id → request
  #holds = new Map(); // group, or id of a history → {timer, due}
  #bytes = 0;

  constructor(core) {
    this.#core = core;
  }

  // request: {group, cmd, fields, body (see toBody, if any), timeoutMs, needs (a Membership that
  // must be joined, if any), owner (a Subscription that it ends with, if any)}
  add(request) {
    const { group, cmd, fields, body, timeoutMs } = request;
    const id = this.#core.nextId();
    let text = JSON.stringify({ id, cmd, group_id: group, ...fields });
    if (body !== undefined) text = `${text.slice(0, -1)},${body}}`;
    const bytes = encoder.encode(text).length;
    const refuse = (code, what) => Promise.reject(new ChannelError(code, what, { group }));
    if (bytes > this.#core.messageBytesMax) return refuse('too_large', this.#tooLargeText(bytes));
    // An edge answers what it cannot read without the id, so nobody would learn of it.
    if (HALF_CHARACTER.test(text)) {
      const why = 'it has half of a character, a lone surrogate';
      return refuse('bad_request', `the server could not read the message: ${why}`);
    }
    const { queueMessagesMax, queueBytesMax } = this.#core.options;
    if (this.#requests.size >= queueMessagesMax || this.#bytes + bytes > queueBytesMax) {
      const what = `${this.#requests.size} messages of ${this.#bytes} bytes wait already`;
      return refuse('queue_full', what);
    }
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      // sent: on this connection, not answered; unsure: what became of an earlier time is not known
      const entry = { ...request, id, text, bytes, resolve, reject, sent: false, unsure: false };
      entry.expires = this.#core.env.now() + timeoutMs;
      entry.timer = this.#core.env.setTimeout(() => this.#expire(entry), timeoutMs);
      entry.firstSentAt = undefined; // by the wall clock
      entry.isRepeat = false; // a connection was lost since
      this.#requests.set(id, entry);
      this.#transmit(entry);
    });
  }

  // Sends what may be sent.
  pump() {
    for (const entry of this.#requests.values()) this.#transmit(entry);
  }

  onLost() {
    for (const { timer } of this.#holds.values()) this.#core.env.clearTimeout(timer);
    this.#holds.clear();
    for (const entry of this.#requests.values()) {
      entry.unsure ||= entry.sent;
      entry.isRepeat ||= entry.unsure;
      entry.sent = false;
    }
  }

  // True if the frame was an answer to something in here.
  onAnswer(frame) {
    const entry = this.#requests.get(frame.id);
    if (!entry) return false;
    if (frame.event !== 'error') {
      this.#remove(entry);
      entry.resolve(frame);
    } else if (frame.retryable) {
      entry.unsure = true;
      entry.sent = false;
      this.#hold(this.#lane(entry), this.#core.spread(frame.retry_ms ?? RETRY_MS));
    } else {
      entry.sent = false;
      this.#fail(entry, frame.code, frame.message);
    }
    return true;
  }

  // Gives up all, or what has that owner.
  fail(code, message, owner) {
    for (const entry of [...this.#requests.values()]) {
      if (!owner || entry.owner === owner) this.#fail(entry, code, message);
    }
  }

  #transmit(entry) {
    if (entry.sent || !this.#core.isOpen || this.#holds.has(this.#lane(entry))) return;
    if (entry.needs ? entry.needs.state !== 'joined' : this.#core.state === 'unavailable') return;
    if (!this.#core.hasAsked(entry.group)) return; // a member gets what it sends
    if (this.#isTooOld(entry)) {
      this.#expire(entry);
    } else if (entry.bytes > this.#core.messageBytesMax) {
      this.#fail(entry, 'too_large', this.#tooLargeText(entry.bytes));
    } else {
      entry.sent = true;
      entry.firstSentAt ??= this.#core.env.wallNow();
      this.#core.transmit(entry.id, entry.text);
    }
  }

  // The timer may be late (a tab that slept), and sending late could publish twice. While a laptop
  // sleeps, performance.now() stands still in some browsers. So before anything is sent again on
  // another connection the wall clock is asked, too: if it was only set forward, a send is given up
  // that could have been tried once more, which is the lesser harm.
  #isTooOld({ expires, isRepeat, firstSentAt }) {
    const { now, wallNow } = this.#core.env;
    return now() >= expires || (isRepeat && wallNow() - firstSentAt >= SEND_TIMEOUT_MAX_MS);
  }

  // What waits together: the sends of a group keep their order, a history has none.
  #lane({ needs, id, group }) {
    return needs ? id : group;
  }

  #hold(lane, ms) {
    const due = this.#core.env.now() + ms;
    const held = this.#holds.get(lane);
    if (held?.due >= due) return;
    this.#core.env.clearTimeout(held?.timer);
    const timer = this.#core.env.setTimeout(() => {
      this.#holds.delete(lane);
      this.pump();
    }, ms);
    this.#holds.set(lane, { timer, due });
  }

  #expire(entry) {
    const unsure = entry.sent || entry.unsure;
    const what = unsure ? 'it may have been published all the same' : 'it was not sent';
    this.#fail(entry, 'timeout', `no answer in ${entry.timeoutMs / 1000} s; ${what}`);
  }

  #fail(entry, code, message) {
    this.#remove(entry);
    const maybePublished = entry.cmd === 'send_to_group' && (entry.sent || entry.unsure);
    entry.reject(new ChannelError(code, message, { maybePublished, group: entry.group }));
  }

  #remove(entry) {
    this.#core.env.clearTimeout(entry.timer);
    this.#requests.delete(entry.id);
    this.#bytes -= entry.bytes;
  }

  #tooLargeText(bytes) {
    const limit = this.#core.messageBytesMax;
    return `the message is too large: ${bytes} bytes with its JSON, the server takes ${limit}`;
  }
}

// One WebSocket after the other. The edge pings and a browser answers by itself, so a hidden tab
// whose timers hardly run keeps its connection. What a page cannot see is that the *edge* is gone
// without a word (network away, process frozen): if nothing was heard for long it asks, with a ping
// of its own, and only if nothing comes then the connection is given up. When the timer of
// that wait is late, the tab has slept, and it waits once more; frames are never held back as
// timers are, so that is enough.
class Connection {
  // connecting → open ⇄ unavailable (the edge has lost the service) → reconnecting; unreachable:
  // never open so far, and an attempt has failed; stopped: for good
  state = 'connecting';
  #env;
  #url;
  #on;
  #socket = null;
  #timer; // of the attempt or of the wait between two
  #watchTimer;
  #watchDue = Infinity;
  #probing = false;
  #waitedAnew = false; // for the answer to this probe
  #quietSince = 0; // when something was heard last, or when we began to wait for an answer
  #awaited = new Set(); // ids of commands without an answer
  #wasEverOpen = false;
  #attempts = 0; // since a connection that was stable
  #attemptDue = 0;
  #triedAgainAt = -Infinity;
  #openedAt = 0;
  #window = RECONNECT_WINDOW_MS;
  #byeWindow = null;
  #pingIntervalMs = PING_INTERVAL_MS;

  // on: {opened(welcome), frame(frame), lost(), stopped(code, reason), unreachable(text),
  // state({state, …})}
  constructor(url, environment, on) {
    this.#url = url;
    this.#env = environment;
    this.#on = on;
    this.#attempt();
  }

  get isOpen() {
    return this.state === 'open' || this.state === 'unavailable';
  }

  // A command that will be answered.
  command(id, text) {
    if (this.#awaited.size === 0) this.#quietSince = this.#env.now();
    this.#awaited.add(id);
    this.#socket.send(text);
    if (!this.#probing) this.#watch();
  }

  // Ends the wait between two attempts.
  retryNow() {
    if (this.state !== 'stopped' && !this.#socket) this.#attemptAgain();
  }

  // The browser has a sign that the network may be back: the wait ends, or the edge is asked.
  wake() {
    this.probe();
    if (this.state === 'stopped' || this.#socket) return;
    const now = this.#env.now();
    const soonest = this.#triedAgainAt + WAKE_SPACING_MS;
    if (now >= soonest) this.#attemptAgain();
    else if (soonest < this.#attemptDue) this.#attemptIn(soonest - now);
  }

  // The browser has no network any more: nothing would come, and nothing would tell.
  offline() {
    if (this.#socket) this.#abandon('the browser is offline');
  }

  // Asks whether the edge is still there.
  probe() {
    if (!this.isOpen || this.#probing) return;
    this.#probing = true;
    this.#waitedAnew = false;
    this.#socket.send('{"cmd":"ping"}');
    this.#watch();
  }

  close() {
    const socket = this.#socket;
    this.#detach();
    socket?.close(1000);
    this.#stop({ code: 1000, reason: 'closed by this page' });
  }

  #attempt() {
    this.#env.clearTimeout(this.#timer);
    const socket = new this.#env.WebSocket(this.#url, PROTOCOL);
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#heard(data);
    socket.onclose = ({ code, reason }) => this.#lost(code, reason);
    socket.onerror = () => {}; // a close follows; in Node an error without a listener would throw
    this.#timer = this.#env.setTimeout(
      () => this.#abandon('no answer to the attempt to connect'),
      ATTEMPT_TIMEOUT_MS,
    );
  }

  #heard(data) {
    this.#quietSince = this.#env.now();
    if (this.#probing) {
      this.#probing = false;
      this.#watch();
    }
    const frame = JSON.parse(data);
    if (frame.id !== undefined) this.#awaited.delete(frame.id);
    if (frame.event === 'welcome') this.#opened(frame);
    else if (frame.event === 'bye') this.#byeWindow = frame.reconnect_ms;
    else if (frame.event === 'service') this.#serviceIs(frame.available ? 'open' : 'unavailable');
    else if (frame.event !== 'pong') this.#on.frame(frame);
  }

  #opened(welcome) {
    this.#env.clearTimeout(this.#timer);
    this.#openedAt = this.#env.now();
    this.#window = welcome.reconnect_ms ?? this.#window;
    this.#pingIntervalMs = welcome.ping_interval_ms || PING_INTERVAL_MS;
    this.#wasEverOpen = true;
    this.state = 'open';
    this.#watch();
    this.#on.opened(welcome);
    this.#on.state({ state: 'open' });
  }

  #serviceIs(state) {
    if (!this.isOpen || this.state === state) return;
    this.state = state;
    this.#on.state({ state });
  }

  // A socket whose peer does not answer closes late or never, so nobody waits for that.
  #abandon(reason) {
    const socket = this.#socket;
    this.#lost(1006, reason);
    socket.close();
  }

  #lost(code, reason) {
    const wasOpen = this.isOpen;
    if (wasOpen && this.#env.now() - this.#openedAt >= STABLE_MS) this.#attempts = 0;
    this.#detach();
    if (code >= 4500 && code <= 4999) {
      this.#stop({ code, reason });
      return;
    }
    const delayMs = this.#delay(code);
    this.#attempts++;
    this.#attemptIn(delayMs);
    const isNews = this.state === 'connecting';
    const state = this.#wasEverOpen ? 'reconnecting' : 'unreachable';
    this.state = state;
    if (wasOpen) this.#on.lost();
    if (this.state !== state) return; // a listener has closed us
    this.#on.state({ state, code, reason, delayMs });
    if (isNews && this.state === state) this.#on.unreachable(this.#whyNot(code, reason, delayMs));
  }

  #attemptIn(ms) {
    this.#env.clearTimeout(this.#timer);
    this.#attemptDue = this.#env.now() + ms;
    this.#timer = this.#env.setTimeout(() => this.#attemptAgain(), ms);
  }

  #attemptAgain() {
    this.#triedAgainAt = this.#env.now();
    this.#attempt();
  }

  #whyNot(code, reason, delayMs) {
    const why = reason || 'no connection came about, and the platform does not tell why';
    const next = `trying again in ${(delayMs / 1000).toFixed(1)} s`;
    return `cannot reach ${speakable(this.#url)}: ${why} (close code ${code}); ${next}`;
  }

  // Full jitter: the clients of an edge that went away must not come back at one moment.
  #delay(code) {
    const bye = this.#byeWindow;
    this.#byeWindow = null;
    if (code === 4000 && this.#attempts === 0) return 0; // "reconnect now"
    const [low, high] = bye ?? this.#window;
    const step = BACKOFF_FIRST_MS * 2 ** this.#attempts;
    const ceiling = bye ? high : Math.max(low, Math.min(high, step));
    return low + this.#env.random() * (ceiling - low);
  }

  #stop({ code, reason }) {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    this.#on.stopped(code, reason);
    this.#on.state({ state: 'stopped', code, reason });
  }

  #detach() {
    this.#env.clearTimeout(this.#timer);
    this.#env.clearTimeout(this.#watchTimer);
    this.#watchDue = Infinity;
    this.#probing = false;
    this.#awaited.clear();
    if (!this.#socket) return;
    this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket = null;
  }

  #quietMsMax() {
    return this.#awaited.size > 0 ? ANSWER_TIMEOUT_MS : 2 * this.#pingIntervalMs;
  }

  // One timer, which looks when it fires whether it is needed later: messages come often.
  #watch() {
    const now = this.#env.now();
    const quietUntil = Math.max(now, this.#quietSince + this.#quietMsMax());
    const due = this.#probing ? now + PROBE_TIMEOUT_MS : quietUntil;
    if (!this.#probing && due >= this.#watchDue) return; // it fires before, and looks again
    this.#env.clearTimeout(this.#watchTimer);
    this.#watchDue = due;
    this.#watchTimer = this.#env.setTimeout(() => this.#look(), due - now);
  }

  #look() {
    const now = this.#env.now();
    const asleep = now - this.#watchDue > ASLEEP_MS;
    this.#watchDue = Infinity;
    if (this.#probing && (!asleep || this.#waitedAnew)) {
      this.#abandon('the server does not answer');
    } else if (!this.#probing && now - this.#quietSince >= this.#quietMsMax()) {
      this.probe();
    } else {
      this.#waitedAnew = this.#probing;
      this.#watch();
    }
  }
}

// What a client is made of, and what the parts may ask of each other.
class Core {
  counters = { messages: 0, duplicates: 0, gaps: 0, holes: 0, missed: 0, reconnects: 0 };
  server = null; // name of the edge of the newest connection
  messageBytesMax = Infinity; // until a welcome tells
  #client;
  #connection;
  #outbox = new Outbox(this);
  #memberships = new Map(); // group → Membership
  #lastId = 0;
  #ended = null; // {code, text}: why nothing is possible any more
  #unwatchPage;

  constructor(client, url, options) {
    this.#client = client;
    this.env = {
      WebSocket: options.WebSocket ?? globalThis.WebSocket,
      setTimeout: (run, ms) => setTimeout(run, ms),
      clearTimeout: (timer) => clearTimeout(timer),
      now: () => performance.now(), // of every duration; nobody can set it
      wallNow: () => Date.now(),
      random: () => Math.random(),
      page: globalThis,
      ...options.environment,
    };
    if (!this.env.WebSocket) throw new TypeError('no WebSocket here: give one in the options');
    if (!globalThis.crypto) {
      throw new TypeError('no crypto here: set globalThis.crypto to webcrypto of node:crypto');
    }
    this.options = {
      sendTimeoutMs: options.sendTimeoutMs ?? SEND_TIMEOUT_MS,
      queueMessagesMax: options.queueMessagesMax ?? QUEUE_MESSAGES_MAX,
      queueBytesMax: options.queueBytesMax ?? QUEUE_BYTES_MAX,
    };
    this.#connection = new Connection(url ?? defaultUrl(), this.env, {
      opened: (welcome) => this.#opened(welcome),
      frame: (frame) => this.#received(frame),
      lost: () => this.#lost(),
      stopped: (code, reason) => this.#stopped(code, reason),
      unreachable: (message) => tell(client, 'error', { code: 'unreachable', message }),
      state: (fields) => {
        tell(client, 'state', fields);
        this.#outbox.pump(); // the service may be back
      },
    });
    this.#unwatchPage = this.#watchPage(this.env.page);
  }

  get state() {
    return this.#connection.state;
  }

  get isOpen() {
    return this.#connection.isOpen;
  }

  retryNow() {
    this.#connection.retryNow();
  }

  close() {
    this.#connection.close();
  }

  join(group, options) {
    if (options.since && options.last !== undefined) throw new TypeError('since or last, not both');
    if (LONE_SURROGATE.test(group)) throw new TypeError('the group has half of a character');
    if (this.#ended) throw new ChannelError(this.#ended.code, this.#ended.text, { group });
    const held = this.#memberships.get(group);
    if (held) return new Subscription(this, held, false, options);
    const membership = new Membership(this, group, options);
    this.#memberships.set(group, membership);
    const subscription = new Subscription(this, membership, true, options);
    if (this.isOpen) membership.start();
    return subscription;
  }

  leave(membership) {
    if (this.isOpen) this.command('leave_group', membership.group);
    this.#memberships.delete(membership.group);
    this.#outbox.pump(); // what waited for its join waits no more
  }

  failOwned(subscription) {
    this.#outbox.fail('not_joined', 'the group is not joined any more', subscription);
  }

  // Also of a group that is not joined at all.
  hasAsked(group) {
    return this.#memberships.get(group)?.hasAsked ?? true;
  }

  async send(group, message, options = {}) {
    if (this.#ended) throw new ChannelError(this.#ended.code, this.#ended.text, { group });
    const body = toBody(message, group);
    const key = options.key ?? randomKey();
    const timeoutMs = options.timeoutMs ?? this.options.sendTimeoutMs;
    const answer = await this.#outbox.add({
      group,
      cmd: 'send_to_group',
      fields: { key },
      body,
      timeoutMs: Math.min(timeoutMs, SEND_TIMEOUT_MAX_MS),
    });
    const { epoch, offset, duplicate = false } = answer;
    return { epoch, offset, duplicate, key };
  }

  async history(owner, membership, fields) {
    const { group } = membership;
    const { epoch, offset, recovered, publications, more } = await this.#outbox.add({
      group,
      cmd: 'history',
      fields,
      timeoutMs: this.options.sendTimeoutMs,
      needs: membership,
      owner,
    });
    const whole = publications.map((frame) => toPublication({ epoch, group_id: group, ...frame }));
    return { epoch, offset, recovered, publications: whole, more };
  }

  pump() {
    this.#outbox.pump();
  }

  nextId() {
    return ++this.#lastId;
  }

  // Only on a connection that is open. Returns the id of the answer.
  command(cmd, group, fields) {
    const id = this.nextId();
    this.transmit(id, JSON.stringify({ id, cmd, group_id: group, ...fields }));
    return id;
  }

  transmit(id, text) {
    this.#connection.command(id, text);
  }

  // A wait as the server asks for it, or longer: not all at one moment.
  spread(ms) {
    return ms * (1 + this.env.random() / 2);
  }

  #opened({ server, limits }) {
    if (this.server !== null) this.counters.reconnects++;
    this.server = server ?? '';
    this.messageBytesMax = limits?.message_bytes ?? Infinity;
    for (const membership of this.#memberships.values()) membership.start();
    this.#outbox.pump(); // after the joins, so that a member gets what it sends
  }

  #received(frame) {
    if (frame.id !== undefined) {
      if (this.#outbox.onAnswer(frame)) return;
      for (const membership of this.#memberships.values()) {
        if (membership.onAnswer(frame)) return;
      }
      return; // of a leave, or of what was given up
    }
    const membership = this.#memberships.get(frame.group_id);
    if (membership) {
      membership.onFrame(frame);
    } else if (frame.event === 'error') {
      tell(this.#client, 'error', { code: frame.code, message: frame.message });
    }
  }

  #lost() {
    this.#outbox.onLost();
    for (const membership of this.#memberships.values()) membership.onLost();
  }

  #stopped(code, reason) {
    this.#unwatchPage();
    const byUs = code === 1000;
    const word = byUs ? 'closed' : 'stopped';
    const text = byUs ? reason : `the server closed with ${code} ${reason}`;
    const memberships = [...this.#memberships.values()];
    this.#memberships.clear();
    this.#ended = { code: word, text };
    this.#outbox.onLost();
    this.#outbox.fail(word, text);
    for (const membership of memberships) {
      membership.stop(byUs ? 'left' : 'failed', new ChannelError(word, text));
    }
    if (!byUs) tell(this.#client, 'error', { code: word, message: text });
  }

  // Signs that the network went or is back, or that the page was asleep: do not wait for a timer.
  #watchPage(page) {
    const connection = this.#connection;
    const on = {
      online: () => connection.wake(),
      offline: () => connection.offline(),
    };
    const onShown = () => page.document.hidden || connection.wake();
    for (const [type, heed] of Object.entries(on)) page.addEventListener?.(type, heed);
    page.document?.addEventListener('visibilitychange', onShown);
    return () => {
      for (const [type, heed] of Object.entries(on)) page.removeEventListener?.(type, heed);
      page.document?.removeEventListener('visibilitychange', onShown);
    };
  }
}

export class ChannelClient extends EventTarget {
  #core;

  constructor(url, options = {}) {
    super();
    this.#core = new Core(this, url, options);
  }

  get state() {
    return this.#core.state;
  }

  get server() {
    return this.#core.server;
  }

  get counters() {
    return this.#core.counters;
  }

  join(group, options = {}) {
    return this.#core.join(String(group), options);
  }

  send(group, message, options) {
    return this.#core.send(String(group), message, options);
  }

  retryNow() {
    this.#core.retryNow();
  }

  close() {
    this.#core.close();
  }
}

// The edge that served this file, also behind a proxy that serves it under a path.
function defaultUrl() {
  const url = new URL('.', import.meta.url);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  if (!url.host) throw new TypeError('the address of an edge is needed, such as ws://host:1234/');
  return url;
}

// An address as it may stand in a log: what could be a secret is left out.
function speakable(address) {
  try {
    const { protocol, host, pathname } = new URL(address, globalThis.location?.href);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return 'the edge';
  }
}
