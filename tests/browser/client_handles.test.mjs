// Two components of a page join one group: one membership at the server, and each has its events.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FakeWorld,
  outcome,
  publications,
  record,
  recordAll,
  settled,
} from './support/fake_edge.mjs';

const offsets = (messages) => messages.map(({ offset }) => offset);
const names = (states) => states.map(({ state }) => state);
const cmds = (frames) => frames.map(({ cmd }) => cmd);

test('a second join of a group asks the server nothing and has its own events', async () => {
  const world = new FakeWorld();
  const first = world.joined({}, { offset: 5 });
  const second = world.client.join('123');
  assert.notEqual(first, second);
  assert.equal(second.state, 'joining');
  const events = recordAll(second);
  const states = record(second, 'state');
  await settled();
  assert.deepEqual(states, [
    { state: 'joined', recovered: true, head: { epoch: 'k1', offset: 5 } },
  ]);
  assert.deepEqual(await second.joined, { epoch: 'k1', offset: 5 });
  assert.deepEqual(second.position, { epoch: 'k1', offset: 5 });
  const ofFirst = record(first, 'message');
  world.socket.message(6);
  world.socket.deliver({ event: 'gap', group_id: '123', epoch: 'k1', after: 6, before: 9 });
  assert.deepEqual(offsets(ofFirst), [6]);
  assert.deepEqual(events.slice(1), ['message 6', 'gap 6-9 undefined']);
  assert.deepEqual(second.position, { epoch: 'k1', offset: 8 });
  assert.deepEqual(world.socket.sent, []);
});

test('a message that comes before the state was told comes behind it', () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 5 });
  const events = recordAll(world.client.join('123'));
  world.socket.message(6);
  assert.deepEqual(events, ['state joined', 'message 6']);
});

test('the group is left at the server when the last one leaves', async () => {
  const world = new FakeWorld();
  const first = world.joined();
  const second = world.client.join('123');
  const [ofFirst, ofSecond] = [recordAll(first), recordAll(second)];
  await settled();
  first.leave();
  first.leave();
  assert.deepEqual(world.socket.sent, []);
  world.socket.message(1);
  assert.deepEqual(ofFirst, ['state left']);
  assert.deepEqual(ofSecond, ['state joined', 'message 1']);
  assert.equal(outcome(second.send('x')).error, undefined);
  world.socket.take('send_to_group');
  await world.reopen();
  world.socket.ok(world.socket.take('add_group'), { offset: 1 });
  world.socket.takeAll();
  second.leave();
  world.socket.take('leave_group');
  world.socket.message(2);
  assert.equal(ofSecond.at(-1), 'state left');
  world.client.join('123');
  world.socket.take('add_group');
});

test('a listener of one may let the other leave, which hears nothing more', async () => {
  const world = new FakeWorld();
  const first = world.joined();
  const second = world.client.join('123');
  await settled();
  const events = recordAll(second);
  first.addEventListener('message', () => second.leave());
  world.socket.message(1);
  assert.deepEqual(events, ['state left']);
});

test('both are told of a loss, a refusal and the end', async () => {
  const world = new FakeWorld();
  const first = world.joined();
  const second = world.client.join('123');
  await settled();
  const [ofFirst, ofSecond] = [recordAll(first), recordAll(second)];
  await world.reopen();
  world.socket.ok(world.socket.take('add_group'), { offset: 0, recovered: false });
  world.socket.deliver({ event: 'error', group_id: '123', code: 'internal', message: 'it' });
  await world.reopen();
  world.socket.error(world.socket.take('add_group'), 'limit_exceeded');
  const expected = [
    'state resuming',
    'state joined, not all',
    'error internal',
    'state resuming',
    'state failed',
    'error limit_exceeded',
  ];
  assert.deepEqual(ofFirst, expected);
  assert.deepEqual(ofSecond, expected);
  await assert.rejects(second.history({ last: 1 }), { code: 'not_joined' });
});

for (const [options, first, gap] of [
  [{ last: 3 }, 5],
  [{ since: { epoch: 'k1', offset: 2 } }, 3],
  [{ since: { epoch: 'k1', offset: 2 } }, 5, { after: 2, before: 5 }],
]) {
  const what = `${JSON.stringify(options)}${gap ? ' and loses something' : ''}`;
  test(`one that joins while a join with ${what} is not answered begins at its head`, async () => {
    const world = new FakeWorld();
    world.open();
    const ofFirst = recordAll(world.client.join('123', options));
    const second = world.client.join('123');
    const ofSecond = recordAll(second);
    assert.equal(second.position, null);
    world.socket.ok(world.socket.take('add_group'), { offset: 7, recovered: !gap });
    const third = world.client.join('123');
    const ofThird = recordAll(third);
    const range = { epoch: 'k1', ...gap, reason: 'retention' };
    if (gap) world.socket.deliver({ event: 'gap', group_id: '123', ...range });
    for (let offset = first; offset <= 8; offset++) world.socket.message(offset);
    await settled();
    const all = publications(first, 8).map(({ offset }) => `message ${offset}`);
    const begin = gap ? ['state joined, not all', 'gap 2-5 retention'] : ['state joined'];
    assert.deepEqual(ofFirst, [...begin, ...all]);
    for (const events of [ofSecond, ofThird]) {
      assert.deepEqual(events, ['state joined', 'message 8']);
    }
    assert.deepEqual(await second.joined, { epoch: 'k1', offset: 7 });
  });
}

test('one that joins while the connection is lost begins at the head of the next join', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 5 });
  world.socket.drop();
  const second = world.client.join('123');
  const events = recordAll(second);
  await settled();
  assert.equal(second.position, null);
  await world.time.advance(15_000);
  world.open();
  world.socket.ok(world.socket.take('add_group'), { offset: 7 });
  for (let offset = 6; offset <= 8; offset++) world.socket.message(offset);
  assert.deepEqual(events, ['state joined', 'message 8']);
  assert.deepEqual(await second.joined, { epoch: 'k1', offset: 7 });
});

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

test('what comes while it is fetched is fetched as well, once and in order', async () => {
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
  const all = [4, 5, 6, 7, 8, 9].map((offset) => `message ${offset}`);
  assert.deepEqual(events, ['state joined', ...all]);
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

test('a long history is fetched page by page, over a lost connection as well', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 9 });
  const events = recordAll(world.client.join('123', { since: { epoch: 'k1', offset: 0 } }));
  await settled();
  await world.answerHistory({ offset: 9, more: true, publications: publications(1, 4) });
  assert.deepEqual(cmds(world.socket.sent), ['history']);
  await world.reopen();
  world.socket.ok(world.socket.take('add_group'), { offset: 9 });
  const { since } = await world.answerHistory({ offset: 9, publications: publications(5, 9) });
  assert.deepEqual(since, { epoch: 'k1', offset: 4 });
  const [head, tail] = [
    [1, 2, 3, 4],
    [5, 6, 7, 8, 9],
  ].map((part) => part.map((offset) => `message ${offset}`));
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
  world.socket.ok(world.socket.take('add_group'), { offset: 1 });
  await world.answerHistory({ offset: 1, publications: publications(1, 1) });
  assert.deepEqual(events, ['state joined', 'message 1']);
  assert.deepEqual(world.socket.sent, []);
});

test('what is not held any more is announced to the one that asked for it', async () => {
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

test('a live gap in front of the head of a later one is none for it', async () => {
  const world = new FakeWorld();
  world.joined({ last: 5 }, { offset: 50 });
  const events = recordAll(world.client.join('123'));
  await settled();
  const gap = (after, before) => ({ event: 'gap', group_id: '123', epoch: 'k1', after, before });
  world.socket.deliver({ ...gap(30, 40), reason: 'retention' });
  world.socket.deliver({ ...gap(45, 60), reason: 'retention' });
  assert.deepEqual(events, ['state joined', 'gap 50-60 retention']);
});

test('a history that never has what came live ends with a gap, not in a circle', async () => {
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
  const second = world.client.join('123', { since: { epoch: '', offset: 1 } });
  const events = recordAll(second);
  await settled();
  world.socket.error(world.socket.take('history'), 'bad_request');
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
  world.socket.ok(world.socket.take('add_group'), { offset: 1 });
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
  assert.deepEqual(messages.map(offsets), Array(20).fill([1]));
});

test('one that leaves while it fetches hears nothing more, and the next has its turn', async () => {
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
  assert.deepEqual(names(record(second, 'state')), []);
  assert.deepEqual(ofSecond, ['state left']);
  assert.deepEqual(ofThird, ['state joined', 'message 1']);
});

test('one that leaves when it is told that it joined hears of no gap', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 9 });
  const second = world.client.join('123', { since: { epoch: 'k1', offset: 2 } });
  const events = recordAll(second);
  second.addEventListener('state', () => second.leave(), { once: true });
  await settled();
  await world.answerHistory({ offset: 9, recovered: false, publications: publications(8, 9) });
  assert.deepEqual(events, ['state joined, not all', 'state left']);
});

test('the end of the connection ends all of them, and no timer stays', async () => {
  const world = new FakeWorld();
  const rooms = [world.joined(), world.client.join('123'), world.client.join('123', { last: 2 })];
  const events = rooms.map(recordAll);
  await settled();
  world.client.close();
  await world.time.advance(600_000);
  assert.deepEqual(
    events.map((list) => list.at(-1)),
    Array(3).fill('state left'),
  );
  assert.equal(world.time.pending, 0);
});
