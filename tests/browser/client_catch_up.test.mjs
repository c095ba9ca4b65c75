// The history in the browser client: a later subscription of a group fetches from it what it asked
// for, and a page reads it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageWords, outcome, pluck, record, recordAll } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';
import { settled } from './support/fake_time.mjs';
import { RETRY, publications } from './support/frames.mjs';

for (const [options, asked] of [
  [{ last: 3 }, { last: 3 }],
  [{ since: { epoch: 'k1', offset: 2 } }, { since: { epoch: 'k1', offset: 2 } }],
]) {
  test(`a second join with ${JSON.stringify(options)} gets that, then what is live`, async () => {
    const world = new FakeWorld();
    const first = world.joined({}, { offset: 5 });
    const ofFirst = recordAll(first);
    const second = world.client.join('123', options);
    const ofSecond = recordAll(second);
    await settled();
    assert.deepEqual(ofSecond, []);
    assert.deepEqual(second.position, options.since ?? null);
    const held = publications(3, 5);
    const { last, since } = await world.answerHistory({ offset: 5, publications: held });
    assert.deepEqual({ last, since }, { last: undefined, since: undefined, ...asked });
    assert.deepEqual(ofSecond, ['state joined', 'message 3', 'message 4', 'message 5']);
    assert.deepEqual(second.position, { epoch: 'k1', offset: 5 });
    assert.deepEqual(world.socket.sent, [], 'nothing is left');
    world.socket.message(6);
    assert.equal(ofSecond.at(-1), 'message 6');
    assert.deepEqual(ofFirst, ['message 6']);
  });
}

test('messages that come during a fetch are fetched as well, once and in order', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 5 });
  const events = recordAll(world.client.join('123', { last: 2 }));
  await settled();
  const asked = world.socket.take('history');
  world.socket.message(6);
  world.socket.message(7);
  world.socket.ok(asked, { offset: 5, more: false, publications: publications(4, 5) });
  await settled();
  world.socket.message(8);
  const { since } = await world.answerHistory({ offset: 8, publications: publications(6, 8) });
  assert.deepEqual(since, { epoch: 'k1', offset: 5 });
  world.socket.message(9);
  assert.deepEqual(events, ['state joined', ...messageWords(4, 9)]);
  assert.deepEqual(world.socket.sent, []);
});

test('a history that is ahead of what came live is not told twice', async () => {
  const world = new FakeWorld();
  const ofFirst = recordAll(world.joined({}, { offset: 5 }));
  const second = world.client.join('123', { last: 2 });
  const ofSecond = recordAll(second);
  await settled();
  await world.answerHistory({ offset: 7, publications: publications(6, 7) });
  for (const offset of [6, 7, 8]) world.socket.message(offset);
  assert.deepEqual(ofSecond, ['state joined', 'message 6', 'message 7', 'message 8']);
  assert.deepEqual(ofFirst, ['message 6', 'message 7', 'message 8']);
});

test('what was fetched is known by its key when it comes again in a new epoch', async () => {
  const world = new FakeWorld();
  const ofFirst = recordAll(world.joined({}, { offset: 5 }));
  const ofSecond = recordAll(world.client.join('123', { last: 1 }));
  await settled();
  const [held] = publications(5, 5);
  await world.answerHistory({ offset: 5, publications: [{ ...held, key: 'sent-again' }] });
  world.socket.gap(5, 1, { epoch: 'k2', reason: 'epoch' });
  world.socket.message(1, { epoch: 'k2', key: 'sent-again' });
  assert.deepEqual(ofSecond, ['state joined', 'message 5', 'gap 5-1 epoch']);
  assert.deepEqual(ofFirst, ['gap 5-1 epoch', 'message 1'], 'this one did not have it');
});

test('a long history is fetched page by page, over a lost connection as well', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 9 });
  const events = recordAll(world.client.join('123', { since: { epoch: 'k1', offset: 0 } }));
  await settled();
  await world.answerHistory({ offset: 9, more: true, publications: publications(1, 4) });
  assert.deepEqual(pluck(world.socket.sent, 'cmd'), ['history']);
  await world.reopen();
  world.socket.answer('add_group', { offset: 9 });
  const { since } = await world.answerHistory({ offset: 9, publications: publications(5, 9) });
  assert.deepEqual(since, { epoch: 'k1', offset: 4 });
  const [head, tail] = [messageWords(1, 4), messageWords(5, 9)];
  const loss = ['state resuming', 'state joined'];
  assert.deepEqual(events, ['state joined', ...head, ...loss, ...tail]);
  assert.deepEqual(world.socket.sent, []);
});

test('a connection that is lost before its first answer does not make it fetch twice', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 1 });
  const events = recordAll(world.client.join('123', { last: 5 }));
  await settled();
  world.socket.take('history');
  await world.reopen();
  world.socket.answer('add_group', { offset: 1 });
  await world.answerHistory({ offset: 1, publications: publications(1, 1) });
  assert.deepEqual(events, ['state joined', 'message 1']);
  assert.deepEqual(world.socket.sent, []);
});

test('messages that are not held any more are a gap for the subscription that asked', async () => {
  for (const [since, reason] of [
    [{ epoch: 'k1', offset: 2 }, 'retention'],
    [{ epoch: 'k0', offset: 77 }, 'epoch'],
  ]) {
    const world = new FakeWorld();
    const ofFirst = recordAll(world.joined({}, { offset: 9 }));
    const second = world.client.join('123', { since });
    const events = recordAll(second);
    await settled();
    await world.answerHistory({ offset: 9, recovered: false, publications: publications(8, 9) });
    const gap = `gap ${since.offset}-8 ${reason}`;
    assert.deepEqual(events, ['state joined, not all', gap, 'message 8', 'message 9']);
    assert.deepEqual(ofFirst, []);
    const third = world.client.join('123', { since });
    await settled();
    await world.answerHistory({ offset: 9, recovered: false });
    assert.deepEqual(third.position, { epoch: 'k1', offset: 9 }, 'nothing of it is left');
  }
});

test('a history that never has the live messages ends with a gap, not in a circle', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 5 });
  const second = world.client.join('123', { last: 2 });
  const events = recordAll(second);
  await settled();
  world.socket.message(6);
  await world.answerHistory({ offset: 5, publications: publications(5, 5) });
  for (let round = 0; round < 3; round++) {
    await world.answerHistory({ offset: 5 });
    await world.time.advance(2000);
  }
  assert.deepEqual(events, ['state joined', 'message 5', 'gap 5-7 hole']);
  assert.deepEqual(world.socket.sent, []);
  world.socket.message(7);
  assert.equal(events.at(-1), 'message 7');
});

test('a history that is never whole, and brings nothing, ends with a gap', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 9 });
  const events = recordAll(world.client.join('123', { since: { epoch: 'k1', offset: 5 } }));
  await settled();
  for (let round = 0; round < 3; round++) {
    await world.answerHistory({ offset: 9, more: true });
    await world.time.advance(2000);
  }
  assert.deepEqual(events, ['state joined', 'gap 5-10 hole']);
  assert.deepEqual(world.socket.sent, []);
  world.socket.message(10);
  assert.equal(events.at(-1), 'message 10');
});

test('a history that is refused fails the one that needs it, and no other', async () => {
  const world = new FakeWorld();
  const first = world.joined();
  const second = world.client.join('123', { last: 5000 });
  const events = recordAll(second);
  await settled();
  world.socket.refuse('history', 'bad_request');
  await settled();
  assert.deepEqual(events, ['state failed', 'error bad_request']);
  await assert.rejects(second.joined, { code: 'bad_request' });
  assert.equal(first.state, 'joined');
  assert.deepEqual(world.socket.sent, []);
});

test('a history that is not answered in time is asked for again', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 1 });
  const events = recordAll(world.client.join('123', { last: 5 }));
  await settled();
  world.socket.take('history');
  world.socket.drop();
  await world.time.advance(62_000); // nothing opens
  assert.deepEqual(events, ['error timeout']);
  world.client.retryNow();
  world.open();
  world.socket.answer('add_group', { offset: 1 });
  await world.answerHistory({ offset: 1, publications: publications(1, 1) });
  assert.deepEqual(events, ['error timeout', 'state joined', 'message 1']);
});

test('many that need a history ask one after the other', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 1 });
  const rooms = Array.from({ length: 20 }, () => world.client.join('123', { last: 1 }));
  const messages = rooms.map((room) => record(room, 'message'));
  await settled();
  for (let i = 0; i < 20; i++) {
    assert.equal(world.socket.sent.length, 1, 'an edge takes 16 of a member at a time');
    await world.answerHistory({ offset: 1, publications: publications(1, 1) });
  }
  assert.deepEqual(messages.map((events) => pluck(events, 'offset')), Array(20).fill([1]));
});

test('after a subscription that leaves while it fetches the next has its turn', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 1 });
  const second = world.client.join('123', { last: 1 });
  const third = world.client.join('123', { last: 1 });
  const [ofSecond, ofThird] = [recordAll(second), recordAll(third)];
  await settled();
  const asked = world.socket.take('history');
  second.leave();
  await settled();
  world.socket.ok(asked, { offset: 1, publications: publications(1, 1), more: false });
  await world.answerHistory({ offset: 1, publications: publications(1, 1) });
  assert.deepEqual(pluck(record(second, 'state'), 'state'), []);
  assert.deepEqual(ofSecond, ['state left']);
  assert.deepEqual(ofThird, ['state joined', 'message 1']);
});

test('a subscription that leaves when it is told that it joined hears of no gap', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 9 });
  const second = world.client.join('123', { since: { epoch: 'k1', offset: 2 } });
  const events = recordAll(second);
  second.addEventListener('state', () => second.leave(), { once: true });
  await settled();
  await world.answerHistory({ offset: 9, recovered: false, publications: publications(8, 9) });
  assert.deepEqual(events, ['state joined, not all', 'state left']);
});

test('a history waits for the join and is asked again after a loss', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  const asked = outcome(room.history({ last: 2, limit: 10 }));
  world.open();
  const join = world.socket.take('add_group');
  assert.deepEqual(world.socket.sent, []);
  world.socket.ok(join);
  const { id, ...fields } = world.socket.take('history');
  assert.deepEqual(fields, { cmd: 'history', group_id: '123', last: 2, limit: 10 });
  await world.reopen();
  world.socket.answer('add_group');
  const publication = { offset: 3, previous_offset: 2, time_unix_ms: 9, message: 'm' };
  world.socket.answer('history', {
    offset: 3,
    recovered: true,
    publications: [publication],
    more: false,
  });
  await settled();
  assert.deepEqual(asked.value, {
    epoch: 'k1',
    offset: 3,
    recovered: true,
    publications: [
      { group: '123', epoch: 'k1', offset: 3, previousOffset: 2, time: 9, message: 'm' },
    ],
    more: false,
  });
  const later = outcome(room.history());
  world.socket.refuse('history', 'unavailable', RETRY);
  room.send('x').catch(() => {});
  world.socket.take('send_to_group'); // does not wait for a history
  await world.time.advance(1500);
  world.socket.answer('history', { publications: [], more: false });
  await settled();
  assert.deepEqual(later.value.publications, []);
  const refused = outcome(room.history());
  world.socket.refuse('history', 'bad_request');
  const abandoned = outcome(room.history());
  room.leave();
  await settled();
  assert.deepEqual([refused.error.code, abandoned.error.code], ['bad_request', 'not_joined']);
  assert.equal(abandoned.error.maybePublished, false);
});
