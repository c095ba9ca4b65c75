// The sends of the browser client: once, in order, again until answered, or a clear refusal.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcome, pluck } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';
import { settled } from './support/fake_time.mjs';
import { RETRY } from './support/frames.mjs';

test('a send resolves with its position', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  const sending = outcome(room.send({ a: 1 }, { key: 's-17' }));
  const frame = world.socket.take('send_to_group');
  assert.deepEqual(
    { ...frame, id: 0 },
    { id: 0, cmd: 'send_to_group', group_id: '123', message: { a: 1 }, key: 's-17' },
  );
  await settled();
  assert.deepEqual(sending, {});
  world.socket.ok(frame, { offset: 58 });
  await settled();
  assert.deepEqual(sending.value, { epoch: 'k1', offset: 58, duplicate: false, key: 's-17' });
  assert.equal(world.client.counters.messages, 0, 'the message itself comes as a message');
});

test('without a key each send gets one of its own; a group need not be joined', async () => {
  const world = new FakeWorld();
  world.open();
  const sending = outcome(world.client.send(7, 'x'));
  world.client.send(7, 'x');
  const [first, second] = world.socket.takeAll();
  assert.equal(first.group_id, '7');
  assert.match(first.key, /^[0-9a-f]{32}$/);
  assert.notEqual(first.key, second.key);
  world.socket.ok(first, { offset: 5, duplicate: true });
  await settled();
  assert.equal(sending.value.duplicate, true);
});

test('sends without an answer are sent again: same keys, same order, after the joins', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  const sendings = ['a', 'b', 'c'].map((text) => outcome(room.send(text)));
  const before = world.socket.takeAll();
  world.socket.ok(before[1]);
  world.socket.drop();
  world.socket.ok(before[0]); // too late to be heard
  room.send('d');
  await world.time.advance(1000);
  world.open();
  const [join, ...again] = world.socket.takeAll();
  assert.equal(join.cmd, 'add_group');
  assert.deepEqual(pluck(again, 'message'), ['a', 'c', 'd']);
  assert.deepEqual([again[0].key, again[1].key], [before[0].key, before[2].key]);
  world.socket.ok(again[0], { offset: 9, duplicate: true });
  await settled();
  assert.equal(sendings[0].value.offset, 9);
  assert.equal(sendings[1].value.offset, 0);
  assert.deepEqual(sendings[2], {});
});

test('a send that is tried again does not overtake the join that is', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  world.open();
  room.send('a');
  const [join, send] = world.socket.takeAll();
  world.random = 1; // the join waits for long
  world.socket.error(join, 'unavailable', RETRY);
  world.random = 0;
  world.socket.error(send, 'unavailable', RETRY);
  room.send('b');
  await world.time.advance(1499);
  assert.deepEqual(world.socket.sent, []);
  await world.time.advance(1);
  const [again, ...sends] = world.socket.takeAll();
  assert.equal(again.cmd, 'add_group');
  assert.deepEqual(pluck(sends, 'message'), ['a', 'b']);
});

test('a send that waits for a join goes without it when the group is left', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  world.open();
  world.socket.refuse('add_group', 'unavailable', RETRY);
  room.send('a');
  assert.deepEqual(world.socket.sent, []);
  room.leave();
  world.socket.take('leave_group');
  world.socket.take('send_to_group');
});

test('a send before the first connection waits for it', () => {
  const world = new FakeWorld();
  for (const text of ['a', 'b']) world.client.send('123', text);
  assert.deepEqual(world.socket.sent, []);
  world.open();
  assert.deepEqual(pluck(world.socket.sent, 'message'), ['a', 'b']);
});

test('a queue that is full refuses at once, by count and by bytes', async () => {
  const world = new FakeWorld({ queueMessagesMax: 2, queueBytesMax: 1000 });
  world.client.send('123', 'a');
  const large = { message: 'x'.repeat(990) };
  await assert.rejects(world.client.send('123', large), { code: 'queue_full', group: '123' });
  world.client.send('123', 'b');
  await assert.rejects(world.client.send('123', 'c'), {
    code: 'queue_full',
    maybePublished: false,
    message: /2 messages of \d+ bytes wait/,
  });
  world.open();
  const [a, b] = world.socket.takeAll();
  await assert.rejects(world.client.send('123', 'c'), { code: 'queue_full' }, 'not answered yet');
  world.socket.ok(a);
  world.socket.ok(b);
  world.client.send('123', { message: 'x'.repeat(800) });
  assert.equal(world.socket.sent.length, 1, 'answers make room for messages and bytes');
});

test('a message over the server’s limit is refused and not sent', async () => {
  const world = new FakeWorld();
  world.open({ limits: { message_bytes: 200 } });
  const frameBytes = Buffer.byteLength(
    JSON.stringify({ id: 1, cmd: 'send_to_group', group_id: '1', message: '', key: 'k' }),
  );
  const fits = 'x'.repeat(200 - frameBytes);
  world.client.send('1', fits, { key: 'k' });
  world.socket.take('send_to_group');
  for (const text of [`${fits}x`, `${fits.slice(1)}ğ`]) {
    await assert.rejects(world.client.send('1', text, { key: 'k' }), {
      code: 'too_large',
      message: /too large: 201 bytes .* takes 200$/,
      maybePublished: false,
    });
  }
  assert.deepEqual(world.socket.sent, []);
});

test('a send that waits and is over the limit of the next server is refused then', async () => {
  const world = new FakeWorld();
  const [large, small] = ['x'.repeat(1000), 'y'].map((text) =>
    outcome(world.client.send('1', text)),
  );
  world.open({ limits: { message_bytes: 500 } });
  await settled();
  assert.equal(large.error.code, 'too_large');
  assert.equal(large.error.maybePublished, false);
  assert.deepEqual(pluck(world.socket.sent, 'message'), ['y']);
  assert.deepEqual(small, {});
});

test('after a retryable error it waits as the server says, and nothing overtakes it', async () => {
  const world = new FakeWorld();
  world.open();
  const first = outcome(world.client.send('123', 'a'));
  const frame = world.socket.take('send_to_group');
  world.socket.error(frame, 'unavailable', RETRY);
  world.client.send('123', 'b');
  world.client.send('456', 'other group');
  assert.deepEqual(pluck(world.socket.takeAll(), 'message'), ['other group']);
  await world.time.advance(1249); // up to half as long again: not all clients at one moment
  assert.deepEqual(world.socket.sent, []);
  await world.time.advance(1);
  const again = world.socket.takeAll();
  assert.deepEqual(pluck(again, 'message'), ['a', 'b']);
  assert.equal(again[0].key, frame.key);
  world.socket.ok(again[0], { offset: 3 });
  await settled();
  assert.equal(first.value.offset, 3);
});

test('several that failed are tried again in order, after the longest wait', async () => {
  const world = new FakeWorld();
  world.open();
  for (const text of ['a', 'b', 'c']) world.client.send('123', text);
  const [a, b, c] = world.socket.takeAll();
  world.socket.error(a, 'unavailable', { retryable: true, retry_ms: 4000 });
  world.socket.ok(b); // was on its way already: it has overtaken
  world.socket.error(c, 'unavailable', RETRY);
  await world.time.advance(3999);
  assert.deepEqual(world.socket.sent, []);
  await world.time.advance(2001);
  assert.deepEqual(pluck(world.socket.sent, 'message'), ['a', 'c']);
});

test('a send that got only retryable errors may have been published', async () => {
  const world = new FakeWorld();
  world.open();
  const sending = outcome(world.client.send('123', 'a', { timeoutMs: 1000 }));
  world.socket.refuse('send_to_group', 'unavailable', RETRY);
  await world.time.advance(1000);
  assert.deepEqual([sending.error.code, sending.error.maybePublished], ['timeout', true]);
});

test('a new connection does not wait for the time that another server gave', async () => {
  const world = new FakeWorld();
  world.open();
  world.client.send('123', 'a');
  const retry = { retryable: true, retry_ms: 30_000 };
  world.socket.refuse('send_to_group', 'unavailable', retry);
  await world.reopen();
  world.socket.take('send_to_group');
  await world.time.advance(50_000);
  assert.equal(world.sockets[1].sent.filter(({ cmd }) => cmd === 'send_to_group').length, 0);
});

test('an error for good rejects, and says whether an earlier try may have succeeded', async () => {
  const world = new FakeWorld();
  world.open();
  const first = outcome(world.client.send('123', 'a'));
  world.socket.refuse('send_to_group', 'key_conflict');
  const second = outcome(world.client.send('123', 'b'));
  await world.reopen();
  world.socket.refuse('send_to_group', 'too_large');
  await settled();
  assert.deepEqual([first.error.code, first.error.maybePublished], ['key_conflict', false]);
  assert.deepEqual([second.error.code, second.error.maybePublished], ['too_large', true]);
  await world.reopen();
  assert.deepEqual(world.socket.sent, []);
});

test('after its time a send is given up: perhaps published, or never sent', async () => {
  const world = new FakeWorld();
  const never = outcome(world.client.send('123', 'a', { timeoutMs: 2000 }));
  await world.time.advance(1999);
  assert.deepEqual(never, {});
  await world.time.advance(1);
  assert.equal(never.error.code, 'timeout');
  assert.equal(never.error.maybePublished, false);
  assert.match(never.error.message, /no answer in 2 s; it was not sent/);
  world.open();
  assert.deepEqual(world.socket.sent, []);

  const maybe = outcome(world.client.send('123', 'b'));
  const frame = world.socket.take('send_to_group');
  await world.reopen();
  world.socket.take('send_to_group');
  world.socket.drop();
  await world.time.advance(60_000);
  assert.equal(maybe.error.maybePublished, true);
  assert.match(maybe.error.message, /no answer in 60 s; it may have been published/);
  world.client.retryNow();
  world.open();
  world.socket.ok(frame); // too late: nobody waits for it
  assert.equal(world.client.state, 'open');
});

test('no send is tried for longer than the service remembers its key', async () => {
  const world = new FakeWorld();
  const sending = outcome(world.client.send('123', 'a', { timeoutMs: 3_600_000 }));
  await world.time.advance(100_000);
  assert.equal(sending.error.code, 'timeout');
});

test('after a long sleep an old message is given up, not sent late', async () => {
  const world = new FakeWorld();
  world.open();
  const sending = outcome(world.client.send('123', 'a'));
  world.socket.take('send_to_group');
  world.socket.drop();
  // The laptop is closed; when it wakes, the network is faster than the timers.
  world.time.now += 3_600_000;
  world.client.retryNow();
  world.open();
  await settled();
  assert.deepEqual(world.socket.sent, []);
  assert.equal(sending.error.code, 'timeout');
  assert.equal(sending.error.maybePublished, true);
});

test('a key that is null is a key of its own', () => {
  const world = new FakeWorld();
  world.open();
  world.client.send('123', 'x', { key: null });
  assert.match(world.socket.take('send_to_group').key, /^[0-9a-f]{32}$/);
});

test('answered sends leave no timer behind', async () => {
  const world = new FakeWorld();
  world.open();
  const { pending } = world.time;
  for (let i = 0; i < 10; i++) world.client.send('123', i);
  for (const frame of world.socket.takeAll()) world.socket.ok(frame);
  assert.equal(world.time.pending, pending);
});
