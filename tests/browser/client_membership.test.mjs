// A membership of the browser client: it joins, resumes, is refused, and leaves.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pluck, record } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';
import { settled } from './support/fake_time.mjs';

const from = ({ since, last }) => ({ since, last });

test('a join says from where: now, after a position, or the newest few', () => {
  const world = new FakeWorld();
  world.open();
  world.client.join('a');
  world.client.join('b', { since: { epoch: 'k1', offset: 41 } });
  world.client.join('c', { last: 50 });
  world.client.join('d', { since: null });
  const frames = world.socket.takeAll().map(({ cmd, id, ...fields }) => fields);
  assert.deepEqual(frames, [
    { group_id: 'a' },
    { group_id: 'b', since: { epoch: 'k1', offset: 41 } },
    { group_id: 'c', last: 50 },
    { group_id: 'd' },
  ]);
  const both = { since: { epoch: 'k1', offset: 1 }, last: 2 };
  assert.throws(() => world.client.join('e', both), TypeError);
});

test('a confirmed join is told, and resolves with the position', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  const states = record(room, 'state');
  assert.equal(room.state, 'joining');
  assert.equal(room.position, null);
  world.open();
  world.socket.answer('add_group', { offset: 57, recovered: true });
  assert.deepEqual(await room.joined, { epoch: 'k1', offset: 57 });
  const head = { epoch: 'k1', offset: 57 };
  assert.deepEqual(states, [{ state: 'joined', recovered: true, head }]);
  await world.reopen();
  assert.equal(room.state, 'resuming');
  world.socket.answer('add_group', { recovered: false });
  const again = { state: 'joined', recovered: false, head: { epoch: 'k1', offset: 0 } };
  assert.deepEqual(states.slice(1), [{ state: 'resuming' }, again]);
});

test('a message of a group that is not joined is told to nobody', () => {
  const world = new FakeWorld();
  const messages = record(world.joined(), 'message');
  world.socket.message(1, { group_id: '456' });
  assert.deepEqual(messages, []);
});

test('it resumes from its position and takes nothing before the answer', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  const messages = record(room, 'message');
  world.socket.message(1);
  world.socket.message(2);
  await world.reopen();
  const join = world.socket.take('add_group');
  assert.deepEqual(from(join), { since: { epoch: 'k1', offset: 2 }, last: undefined });
  world.socket.message(5);
  world.socket.ok(join, { offset: 5, recovered: true });
  for (const offset of [3, 4, 5, 6]) world.socket.message(offset);
  assert.deepEqual(pluck(messages, 'offset'), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(world.client.counters, {
    messages: 6,
    duplicates: 0,
    gaps: 0,
    holes: 0,
    missed: 0,
    reconnects: 1,
  });
});

test('a join from now on resumes from the position that its answer gave', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  world.open().take('add_group');
  await world.reopen();
  assert.deepEqual(from(world.socket.sent[0]), { since: undefined, last: undefined }, 'no answer');
  world.socket.answer('add_group', { offset: 57, recovered: true });
  assert.deepEqual(room.position, { epoch: 'k1', offset: 57 });
  await world.reopen();
  assert.deepEqual(from(world.socket.take('add_group')).since, { epoch: 'k1', offset: 57 });
});

test('with `last` the chain begins with the first message', async () => {
  const world = new FakeWorld();
  const messages = record(world.joined({ last: 2 }, { offset: 57, recovered: true }), 'message');
  world.socket.message(50, { previous_offset: 49 });
  world.socket.message(57, { previous_offset: 50 });
  world.socket.message(60, { previous_offset: 57 });
  assert.deepEqual(pluck(messages, 'offset'), [50, 57, 60]);
  await world.reopen();
  assert.deepEqual(from(world.socket.take('add_group')).since, { epoch: 'k1', offset: 60 });
});

test('with `last`, if nothing is held, the first live message is taken', () => {
  const world = new FakeWorld();
  const room = world.joined({ last: 2 }, { offset: 57, recovered: true });
  const messages = record(room, 'message');
  assert.equal(room.position, null, 'to resume after 57 would lose what is on its way');
  world.socket.message(58, { previous_offset: 0 });
  assert.deepEqual(pluck(messages, 'offset'), [58]);
});

test('a connection that is lost before the `last` messages came loses none', async () => {
  const world = new FakeWorld();
  const room = world.joined({ last: 2 }, { offset: 57, recovered: true });
  const messages = record(room, 'message');
  await world.reopen();
  const join = world.socket.take('add_group');
  assert.deepEqual(from(join), { since: undefined, last: 2 });
  world.socket.ok(join, { offset: 66, recovered: true });
  // Two are not all that came since the first answer: the chain shows it.
  world.socket.message(65, { previous_offset: 60 });
  assert.deepEqual(messages, []);
  const again = world.socket.take('add_group');
  assert.deepEqual(from(again).since, { epoch: 'k1', offset: 57 });
  world.socket.ok(again, { offset: 66, recovered: true });
  world.socket.message(60, { previous_offset: 57 });
  world.socket.message(65, { previous_offset: 60 });
  assert.deepEqual(pluck(messages, 'offset'), [60, 65]);
});

test('a log that is lost before the `last` messages came is asked for the gap', async () => {
  const world = new FakeWorld();
  const room = world.joined({ last: 2 }, { offset: 57, recovered: true });
  await world.reopen();
  world.socket.answer('add_group', { epoch: 'k2', offset: 3, recovered: true });
  const again = world.socket.take('add_group');
  assert.deepEqual(from(again).since, { epoch: 'k1', offset: 57 });
  assert.equal(room.state, 'resuming');
});

test('a join that may be tried again is, no sooner than the server says', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  const errors = record(room, 'error');
  world.open();
  world.socket.refuse('add_group', 'unavailable', {
    retryable: true,
    retry_ms: 3000,
  });
  assert.deepEqual(errors, [{ code: 'unavailable', message: 'it is unavailable', group: '123' }]);
  assert.equal(room.state, 'joining');
  await world.time.advance(2999);
  assert.deepEqual(world.socket.sent, []);
  await world.time.advance(1501);
  world.socket.answer('add_group');
  assert.equal(room.state, 'joined');
});

test('a join without an answer is tried again, and at last it fails', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  const [states, errors] = [record(room, 'state'), record(room, 'error')];
  world.open();
  for (let i = 0; i < 5; i++) {
    world.socket.take('add_group');
    for (let pings = 0; pings < 2; pings++) {
      await world.time.advance(7499);
      world.socket.deliver({ event: 'pong' }); // the connection lives
    }
    assert.equal(room.state, 'joining');
    await world.time.advance(2);
  }
  assert.equal(room.state, 'failed');
  assert.equal(states[0].error.code, 'timeout');
  assert.deepEqual(pluck(errors, 'code'), ['timeout']);
  world.socket.take('leave_group'); // it may have come so far
  await assert.rejects(room.joined, { code: 'timeout' });
  await world.time.advance(60_000);
  assert.deepEqual(world.socket.sent.filter(({ cmd }) => cmd !== 'ping'), []);
});

test('a join that is answered late is joined, by its newest try', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  world.open();
  const first = world.socket.take('add_group');
  await world.time.advance(15_000);
  const second = world.socket.sent.find(({ cmd }) => cmd === 'add_group');
  world.socket.ok(first);
  assert.equal(room.state, 'joining');
  world.socket.ok(second);
  assert.equal(room.state, 'joined');
});

test('a group that is no valid text is refused at once', () => {
  const world = new FakeWorld();
  world.open();
  assert.throws(() => world.client.join('g\ud83d'), TypeError);
  world.client.join('g👋');
  assert.equal(world.socket.take('add_group').group_id, 'g👋');
});

for (const [what, group, options] of [
  ['group', 'ğ'.repeat(100), {}],
  ['position', '123', { since: { epoch: 'k'.repeat(200), offset: 1 } }],
]) {
  test(`a join with a ${what} that fits into no frame fails, and ends no connection`, async () => {
    const world = new FakeWorld();
    world.open({ limits: { message_bytes: 200 } });
    const room = world.client.join(group, options);
    const errors = record(room, 'error');
    await settled();
    assert.equal(room.state, 'failed');
    assert.deepEqual(pluck(errors, 'code'), ['too_large']);
    await assert.rejects(room.joined, { code: 'too_large' });
    assert.deepEqual(pluck(world.socket.takeAll(), 'cmd'), group === '123' ? ['leave_group'] : []);
    await world.reopen({ limits: { message_bytes: 200 } });
    assert.deepEqual(world.socket.sent, []);
  });
}

test('a repair that is refused leaves the group at the server, too', () => {
  const world = new FakeWorld();
  const room = world.joined();
  world.socket.message(3); // a hole
  world.socket.refuse('add_group', 'limit_exceeded');
  assert.equal(room.state, 'failed');
  world.socket.take('leave_group');
});

test('a join that is refused ends the subscription, and the group can be joined anew', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  const [states, errors] = [record(room, 'state'), record(room, 'error')];
  world.open();
  world.socket.refuse('add_group', 'limit_exceeded');
  await assert.rejects(room.joined, { name: 'ChannelError', code: 'limit_exceeded', group: '123' });
  assert.deepEqual(
    states.map(({ state, error }) => [state, error.code]),
    [['failed', 'limit_exceeded']],
  );
  assert.equal(errors.length, 1);
  await world.reopen();
  assert.deepEqual(world.socket.sent, []);
  world.client.join('123');
  world.socket.take('add_group');
});

test('leaving ends it: the server is told, and nothing more is heard', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  const messages = record(room, 'message');
  room.leave();
  room.leave();
  const { id, group_id } = world.socket.take('leave_group');
  assert.equal(group_id, '123');
  assert.deepEqual(world.socket.sent, []);
  assert.equal(room.state, 'left');
  world.socket.message(1);
  // Joined anew, and a message of before is still on the way.
  const again = record(world.client.join('123'), 'message');
  const join = world.socket.take('add_group');
  world.socket.ok({ id, group_id }); // the answer to the leave, not to the join
  world.socket.message(2);
  world.socket.ok(join, { offset: 2 });
  world.socket.message(3);
  assert.deepEqual([messages, pluck(again, 'offset')], [[], [3]]);
  await assert.rejects(room.history(), { code: 'not_joined' });
});

test('leaving before the join was confirmed rejects it', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  room.leave();
  await assert.rejects(room.joined, { code: 'left' });
  world.open();
  assert.deepEqual(world.socket.sent, []);
});

test('an error of a group without a command is an event of its subscription', () => {
  const world = new FakeWorld();
  const errors = record(world.joined(), 'error');
  world.socket.deliver({ event: 'error', group_id: '123', code: 'internal', message: 'm' });
  assert.deepEqual(errors, [{ code: 'internal', message: 'm', group: '123' }]);
});
