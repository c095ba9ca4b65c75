// The messages of a group in the browser client: in order, once, and each loss is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pluck, record } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';

const EPOCH = { epoch: 'k2', reason: 'epoch' };

test('a message has all that the server told, and bytes are bytes', () => {
  const world = new FakeWorld();
  const room = world.joined();
  const messages = record(room, 'message');
  world.socket.message(4, { previous_offset: 0, message: { a: [1] }, key: 'abc' });
  world.socket.message(5, { message: undefined, data: 'AP+A' });
  const common = { group: '123', epoch: 'k1', time: 1_800_000_000_000 };
  assert.deepEqual(messages, [
    { ...common, offset: 4, previousOffset: 0, key: 'abc', message: { a: [1] } },
    { ...common, offset: 5, previousOffset: 4, data: Uint8Array.of(0, 255, 128) },
  ]);
  assert.deepEqual(room.position, { epoch: 'k1', offset: 5 });
  assert.equal(world.client.counters.messages, 2);
});

test('an offset that was seen is dropped', () => {
  const world = new FakeWorld();
  const messages = record(world.joined(), 'message');
  for (const offset of [1, 2, 2, 1, 3]) world.socket.message(offset);
  assert.deepEqual(pluck(messages, 'offset'), [1, 2, 3]);
  assert.equal(world.client.counters.duplicates, 2);
  assert.equal(world.client.counters.holes, 0);
});

test('a gap is told, and what follows it is not a hole', () => {
  const world = new FakeWorld();
  const room = world.joined({ since: { epoch: 'k1', offset: 43 } }, { recovered: false });
  const [gaps, messages] = [record(room, 'gap'), record(room, 'message')];
  const range = { epoch: 'k1', after: 43, before: 52, reason: 'retention' };
  world.socket.gap(range.after, range.before, range);
  assert.deepEqual(gaps, [{ group: '123', ...range }]);
  assert.deepEqual(room.position, { epoch: 'k1', offset: 51 });
  world.socket.message(52);
  world.socket.gap(range.after, range.before, range); // of what came already
  assert.deepEqual(pluck(messages, 'offset'), [52]);
  assert.deepEqual(room.position, { epoch: 'k1', offset: 52 });
  const { gaps: told, holes } = world.client.counters;
  assert.deepEqual([told, holes], [1, 0]);
});

test('a join with `last` that gets fewer than there were tells the gap, once', () => {
  const world = new FakeWorld();
  const room = world.joined({ last: 3 }, { offset: 57, recovered: false });
  const [gaps, messages] = [record(room, 'gap'), record(room, 'message')];
  const range = { epoch: 'k1', after: 0, before: 57, reason: 'retention' };
  world.socket.gap(range.after, range.before, range);
  assert.deepEqual(gaps, [{ group: '123', ...range }]);
  assert.deepEqual(room.position, { epoch: 'k1', offset: 56 });
  world.socket.message(57, { previous_offset: 56 });
  world.socket.gap(range.after, range.before, range);
  assert.deepEqual(pluck(messages, 'offset'), [57]);
  const { gaps: told, holes } = world.client.counters;
  assert.deepEqual([told, holes], [1, 0]);
});

test('a gap begins where the messages ended here, though the server had more', () => {
  const world = new FakeWorld();
  const room = world.joined();
  const gaps = record(room, 'gap');
  world.socket.message(5, { previous_offset: 0 });
  world.socket.gap(7, 3, EPOCH);
  assert.deepEqual(gaps, [{ group: '123', epoch: 'k2', after: 5, before: 3, reason: 'epoch' }]);
  assert.deepEqual(room.position, { epoch: 'k2', offset: 2 }, 'smaller, and of another epoch');
  world.socket.gap(5, 3, EPOCH);
  assert.equal(gaps.length, 1);
});

// As in the golden transcript enveloped_resume_beyond_head.
test('a position that the log never gave is told, and what follows is taken', () => {
  const world = new FakeWorld();
  const since = { epoch: 'k1', offset: 100 };
  const room = world.joined({ since }, { offset: 52, recovered: false });
  const [gaps, messages] = [record(room, 'gap'), record(room, 'message')];
  const range = { epoch: 'k1', after: 0, before: 51, reason: 'position' };
  world.socket.gap(range.after, range.before, range);
  assert.deepEqual(gaps, [{ group: '123', ...range }]);
  assert.deepEqual(room.position, { epoch: 'k1', offset: 50 });
  world.socket.gap(range.after, range.before, range); // nothing new
  world.socket.message(51);
  world.socket.message(52);
  assert.deepEqual(pluck(messages, 'offset'), [51, 52]);
  const { gaps: told, duplicates } = world.client.counters;
  assert.deepEqual([told, duplicates], [1, 0]);
});

test('a message that was sent again into a new epoch is known by its key', () => {
  const world = new FakeWorld();
  const messages = record(world.joined(), 'message');
  world.socket.message(6, { previous_offset: 0, key: 'sent-again' });
  world.socket.message(7, { key: 'other' });
  world.socket.gap(7, 3, EPOCH);
  const later = { epoch: 'k2', time_unix_ms: 1_800_000_070_000 };
  world.socket.message(3, { ...later, key: 'sent-again' });
  world.socket.message(4, { ...later, key: 'new' });
  world.socket.message(5, later);
  assert.deepEqual(
    messages.map(({ epoch, offset }) => epoch + offset),
    ['k16', 'k17', 'k24', 'k25'],
  );
  assert.equal(world.client.counters.duplicates, 1);
});

test('who was away for long still knows it: the time of the messages counts', async () => {
  const world = new FakeWorld();
  const messages = record(world.joined(), 'message');
  world.socket.message(1, { key: 'sent-again' });
  world.socket.drop();
  await world.time.advance(3_600_000);
  world.client.retryNow();
  world.open().answer('add_group', { epoch: 'k2', offset: 9, recovered: false });
  world.socket.gap(1, 9, EPOCH);
  world.socket.message(9, { epoch: 'k2', key: 'sent-again', time_unix_ms: 1_800_000_060_000 });
  assert.deepEqual(pluck(messages, 'offset'), [1]);
});

test('a key is as old as its message, whatever came between', () => {
  const world = new FakeWorld();
  const messages = record(world.joined(), 'message');
  const at = (seconds) => ({ time_unix_ms: 1_800_000_000_000 + seconds * 1000 });
  world.socket.message(1, { key: 'a', ...at(60) }); // the clock of the service is set back then
  world.socket.message(2, { key: 'b', ...at(0) });
  world.socket.gap(2, 1, EPOCH);
  world.socket.message(1, { epoch: 'k2', key: 'b', ...at(150) });
  assert.equal(messages.length, 3);
});

test('within one epoch the service compares the keys, not the client', () => {
  const world = new FakeWorld();
  const messages = record(world.joined(), 'message');
  for (const offset of [1, 2]) world.socket.message(offset, { key: 'daily' });
  assert.deepEqual(pluck(messages, 'offset'), [1, 2]);
});

test('a key of the epoch before is a new message after 2 minutes', () => {
  const world = new FakeWorld();
  const messages = record(world.joined(), 'message');
  const start = 1_800_000_000_000;
  for (const [i, key] of ['a', 'b'].entries()) {
    world.socket.message(i + 6, { previous_offset: i && 6, key, time_unix_ms: start });
  }
  world.socket.gap(7, 3, EPOCH);
  world.socket.message(3, { epoch: 'k2', key: 'a', time_unix_ms: start + 120_000 });
  world.socket.message(4, { epoch: 'k2', key: 'b', time_unix_ms: start + 120_001 });
  assert.deepEqual(pluck(messages, 'offset'), [6, 7, 4]);
});

test('the keys of a busy group are remembered for 2 minutes, the newest 16384 at most', () => {
  const world = new FakeWorld();
  const messages = record(world.joined(), 'message');
  const count = 16_385;
  for (let i = 1; i <= count; i++) {
    world.socket.message(i, { key: `key-${i}`, time_unix_ms: 1_800_000_000_000 + i });
  }
  world.socket.gap(count, 1, EPOCH);
  const again = (offset, key) =>
    world.socket.message(offset, { epoch: 'k2', key, time_unix_ms: 1_800_000_020_000 });
  again(1, 'key-3');
  again(2, 'key-1');
  assert.deepEqual(pluck(messages, 'offset').slice(count), [2]);
});

test('a hole is told as an error and repaired by joining again', () => {
  const world = new FakeWorld();
  const room = world.joined();
  const [messages, errors, states] = ['message', 'error', 'state'].map((type) =>
    record(room, type),
  );
  world.socket.message(1);
  world.socket.message(4);
  world.socket.message(5);
  assert.equal(room.state, 'resuming');
  assert.deepEqual(pluck(errors, 'code'), ['hole']);
  assert.match(errors[0].message, /between 1 and 4/);
  const join = world.socket.take('add_group');
  assert.deepEqual(join.since, { epoch: 'k1', offset: 1 });
  assert.deepEqual(world.socket.sent, [], 'one join for it');
  world.socket.ok(join, { offset: 5, recovered: true });
  for (const offset of [2, 3, 4, 5]) world.socket.message(offset);
  assert.deepEqual(pluck(messages, 'offset'), [1, 2, 3, 4, 5]);
  assert.deepEqual(pluck(states, 'state'), ['resuming', 'joined']);
  const { holes, missed, duplicates, gaps } = world.client.counters;
  assert.deepEqual(
    { holes, missed, duplicates, gaps },
    { holes: 1, missed: 0, duplicates: 0, gaps: 0 },
  );
});

test('a message of another epoch without a gap is a hole', () => {
  const world = new FakeWorld();
  const messages = record(world.joined(), 'message');
  world.socket.message(1);
  world.socket.message(2, { epoch: 'k2' });
  const join = world.socket.take('add_group');
  assert.deepEqual(join.since, { epoch: 'k1', offset: 1 });
  assert.deepEqual(pluck(messages, 'offset'), [1]);
});

test('a hole that cannot be repaired is announced as a gap, and the talk goes on', () => {
  const world = new FakeWorld();
  const room = world.joined();
  const [messages, gaps] = [record(room, 'message'), record(room, 'gap')];
  world.socket.message(1);
  for (let i = 0; i < 3; i++) {
    world.socket.message(4);
    world.socket.answer('add_group', { recovered: true });
  }
  world.socket.message(4);
  assert.deepEqual(world.socket.sent, []);
  assert.deepEqual(gaps, [{ group: '123', epoch: 'k1', after: 1, before: 4, reason: 'hole' }]);
  world.socket.message(5);
  assert.deepEqual(pluck(messages, 'offset'), [1, 4, 5]);
  const { holes, missed } = world.client.counters;
  assert.deepEqual({ holes, missed }, { holes: 4, missed: 1 });
  world.socket.message(9);
  world.socket.take('add_group'); // the next one is repaired as the first was
});
