// Several subscriptions of one group: one membership at the server, and each has its events.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageWords, outcome, pluck, record, recordAll } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';
import { settled } from './support/fake_time.mjs';

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
  world.socket.gap(6, 9);
  assert.deepEqual(pluck(ofFirst, 'offset'), [6]);
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
  world.socket.answer('add_group', { offset: 1 });
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
  world.socket.answer('add_group', { offset: 0, recovered: false });
  world.socket.deliver({ event: 'error', group_id: '123', code: 'internal', message: 'it' });
  await world.reopen();
  world.socket.refuse('add_group', 'limit_exceeded');
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
  test(`a subscription beside a join with ${what} begins at the head of the answer`, async () => {
    const world = new FakeWorld();
    world.open();
    const ofFirst = recordAll(world.client.join('123', options));
    const second = world.client.join('123');
    const ofSecond = recordAll(second);
    assert.equal(second.position, null);
    world.socket.answer('add_group', { offset: 7, recovered: !gap });
    const third = world.client.join('123');
    const ofThird = recordAll(third);
    if (gap) world.socket.gap(gap.after, gap.before, { reason: 'retention' });
    world.socket.messages(first, 8);
    await settled();
    const all = messageWords(first, 8);
    const begin = gap ? ['state joined, not all', 'gap 2-5 retention'] : ['state joined'];
    assert.deepEqual(ofFirst, [...begin, ...all]);
    for (const events of [ofSecond, ofThird]) {
      assert.deepEqual(events, ['state joined', 'message 8']);
    }
    assert.deepEqual(await second.joined, { epoch: 'k1', offset: 7 });
  });
}

test('a subscription made while the connection is lost begins at the next head', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 5 });
  world.socket.drop();
  const second = world.client.join('123');
  const events = recordAll(second);
  await settled();
  assert.equal(second.position, null);
  await world.time.advance(15_000);
  world.open();
  world.socket.answer('add_group', { offset: 7 });
  world.socket.messages(6, 8);
  assert.deepEqual(events, ['state joined', 'message 8']);
  assert.deepEqual(await second.joined, { epoch: 'k1', offset: 7 });
});

test('a live gap in front of the head of a later subscription is none for it', async () => {
  const world = new FakeWorld();
  world.joined({ last: 5 }, { offset: 50 });
  const events = recordAll(world.client.join('123'));
  await settled();
  world.socket.gap(30, 40, { reason: 'retention' });
  world.socket.gap(45, 60, { reason: 'retention' });
  assert.deepEqual(events, ['state joined', 'gap 50-60 retention']);
});

test('the end of the connection ends all of them, and no timer stays', async () => {
  const world = new FakeWorld();
  const rooms = [world.joined(), world.client.join('123'), world.client.join('123', { last: 2 })];
  const events = rooms.map(recordAll);
  await settled();
  world.client.close();
  await world.time.advance(600_000);
  assert.deepEqual(events.map((list) => list.at(-1)), Array(3).fill('state left'));
  assert.equal(world.time.pending, 0);
});
