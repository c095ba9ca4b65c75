// The clock of the browser client: nobody can set it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcome, pluck } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';
import { settled } from './support/fake_time.mjs';

const HOUR_MS = 3_600_000;

// The real clocks of the platform as the client asks them; only Date is set.
function settableClock(t) {
  const world = new FakeWorld({ platformClocks: true });
  const { time } = world;
  t.mock.method(performance, 'now', () => time.now);
  t.mock.method(Date, 'now', () => time.wall);
  return world;
}

test('the clock is set back 1 h: a dead connection is noticed in its time', async (t) => {
  const world = settableClock(t);
  const socket = world.open();
  await world.time.advance(1000);
  world.time.wallOffset -= HOUR_MS;
  await world.time.advance(48_999);
  assert.deepEqual(socket.sent, []);
  await world.time.advance(1);
  socket.take('ping');
  await world.time.advance(9999);
  assert.equal(world.client.state, 'open');
  await world.time.advance(1);
  assert.equal(world.client.state, 'reconnecting');
});

test('the clock is set forward 1 h: that is not taken for a sleep', async (t) => {
  const world = settableClock(t);
  world.open();
  await world.time.advance(50_000);
  world.socket.take('ping');
  world.time.wallOffset += HOUR_MS;
  await world.time.advance(10_000);
  assert.equal(world.client.state, 'reconnecting');
});

test('the clock is set forward 1 h: a send that waited is sent, and has its 60 s', async (t) => {
  const world = settableClock(t);
  const waiting = outcome(world.client.send('123', 'a'));
  world.time.wallOffset += HOUR_MS;
  world.open();
  world.socket.take('send_to_group');
  await world.time.advance(59_999);
  assert.deepEqual(waiting, {});
  await world.time.advance(1);
  assert.equal(waiting.error.code, 'timeout');
});

test('the clock is set back 1 h: a send is repeated, and has its 60 s', async (t) => {
  const world = settableClock(t);
  world.open();
  const waiting = outcome(world.client.send('123', 'a'));
  world.time.wallOffset -= HOUR_MS;
  await world.time.sleep(59_000);
  await world.reopen();
  world.socket.take('send_to_group');
  // The network is faster than the timer that is late.
  world.socket.drop();
  world.time.now += 1000;
  world.client.retryNow();
  world.open();
  await settled();
  assert.deepEqual(world.socket.sent, []);
  assert.deepEqual([waiting.error.code, waiting.error.maybePublished], ['timeout', true]);
});

for (const [word, step, heldMs, delayMs] of [
  ['forward', HOUR_MS, 4999, 2000],
  ['back', -HOUR_MS, 5000, 1000],
]) {
  test(`the clock is set ${word} 1 h: how long a connection held is known`, async (t) => {
    const world = settableClock(t);
    world.random = 1;
    world.socket.drop();
    await world.time.advance(1000);
    world.open();
    world.time.wallOffset += step;
    await world.time.advance(heldMs);
    world.socket.drop();
    assert.equal(world.states.at(-1).delayMs, delayMs);
  });

  test(`the clock is set ${word} 1 h: the longest wait of a group counts`, async (t) => {
    const world = settableClock(t);
    const room = world.joined();
    world.random = 0;
    for (const text of ['a', 'b']) room.send(text).catch(() => {});
    const [a, b] = world.socket.takeAll();
    // The second answer asks for less than what is left of the first, or for more.
    world.socket.error(a, 'unavailable', { retryable: true, retry_ms: 2000 });
    world.time.wallOffset += step;
    const retry_ms = word === 'forward' ? 1000 : 3000;
    world.socket.error(b, 'unavailable', { retryable: true, retry_ms });
    await world.time.advance(Math.max(2000, retry_ms) - 1);
    assert.deepEqual(world.socket.sent, []);
    await world.time.advance(1);
    assert.equal(world.socket.takeAll().length, 2);
  });
}

for (const [word, step] of [
  ['forward', HOUR_MS],
  ['back', -HOUR_MS],
]) {
  test(`the clock is set ${word} 1 h: signs of a network are heeded in their time`, async (t) => {
    const world = settableClock(t);
    const online = () => world.page.dispatchEvent(new Event('online'));
    world.random = 1;
    world.open().drop();
    online();
    world.socket.drop();
    world.time.wallOffset += step;
    online();
    await world.time.advance(999);
    assert.equal(world.sockets.length, 2);
    await world.time.advance(1);
    assert.equal(world.sockets.length, 3);
  });
}

test('a laptop that slept 1 h does not send again what may be in the log already', async () => {
  const world = new FakeWorld();
  world.open();
  const tried = outcome(world.client.send('123', 'a'));
  world.socket.take('send_to_group');
  world.socket.drop();
  const queued = outcome(world.client.send('456', 'b'));
  world.time.wallOffset += HOUR_MS; // performance.now() stood still
  world.client.retryNow();
  world.open();
  await settled();
  assert.deepEqual(pluck(world.socket.takeAll(), 'message'), ['b'], 'that one was never sent');
  assert.deepEqual([tried.error.code, tried.error.maybePublished], ['timeout', true]);
  assert.deepEqual(queued, {});
});
