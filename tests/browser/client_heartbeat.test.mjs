// How the browser client notices that a connection is dead, or that the network is back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcome } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';
import { settled } from './support/fake_time.mjs';

test('a command without an answer makes it ask, and then connect again', async () => {
  const world = new FakeWorld();
  const socket = world.open();
  await world.time.advance(20_000);
  world.client.send('123', 'x', { timeoutMs: 30_000 }).catch(() => {});
  socket.take('send_to_group');
  await world.time.advance(14_999);
  assert.deepEqual(socket.sent, []);
  await world.time.advance(1);
  socket.take('ping');
  socket.deliver({ event: 'pong' });
  await world.time.advance(14_999);
  assert.deepEqual(socket.sent, [], 'alive, though slow');
  await world.time.advance(1);
  socket.take('ping');
  await world.time.advance(9999);
  assert.equal(world.client.state, 'open');
  await world.time.advance(1);
  assert.equal(world.client.state, 'reconnecting');
  assert.notEqual(socket.closedWith, null);
  await world.time.advance(1000);
  const next = world.open();
  await world.time.advance(30_000);
  assert.deepEqual(next.sent, [], 'of the new connection nothing is awaited');
});

test('without any sign of life it asks after two ping intervals', async () => {
  const world = new FakeWorld();
  world.joined();
  for (let i = 1; i <= 5; i++) {
    await world.time.advance(49_999);
    world.socket.message(i);
  }
  assert.deepEqual(world.socket.sent, []);
  await world.time.advance(50_000);
  world.socket.take('ping');
  await world.time.advance(9_000);
  world.socket.message(6); // an answer as good as a pong
  await world.time.advance(49_000);
  assert.equal(world.sockets.length, 1);
  assert.deepEqual(world.socket.sent, []);
});

test('timers of a throttled tab are late, and no connection is given up for that', async () => {
  const world = new FakeWorld();
  const socket = world.open();
  world.client.send('123', 'x', { timeoutMs: 1 }).catch(() => {});
  // Timers are late; what the server says is not.
  const sleep = async (ms) => {
    await world.time.sleep(ms);
    const asked = socket.takeAll().filter(({ cmd }) => cmd === 'ping');
    for (const _ of asked) socket.deliver({ event: 'pong' });
    return asked.length;
  };
  let pings = 0;
  for (let i = 0; i < 30; i++) pings += await sleep(60_000);
  assert.ok(pings > 10, `${pings} times it asked`);
  await sleep(8 * 3_600_000);
  assert.equal(world.client.state, 'open');
  assert.equal(socket.closedWith, null);
  // Awake again, and now it is really gone.
  await world.time.advance(100_000);
  assert.equal(world.client.state, 'reconnecting');
});

test('a hidden tab gives up a connection that is dead, however late its timers are', async () => {
  const world = new FakeWorld();
  const socket = world.open();
  world.page.document.hidden = true;
  await world.time.sleep(60_000);
  socket.take('ping');
  await world.time.sleep(60_000); // perhaps it slept, and the pong is still on its way
  assert.equal(world.client.state, 'open');
  await world.time.sleep(60_000);
  assert.equal(world.client.state, 'reconnecting');
  await world.time.sleep(60_000);
  const next = world.open();
  await world.time.sleep(60_000);
  next.take('ping');
  await world.time.sleep(60_000);
  assert.equal(world.client.state, 'open', 'each probe is waited for anew');
});

test('the network is back: that is heeded in a hidden tab, too', () => {
  const world = new FakeWorld();
  world.page.document.hidden = true;
  world.open();
  world.page.dispatchEvent(new Event('online'));
  world.socket.take('ping');
  world.socket.drop();
  world.page.dispatchEvent(new Event('online'));
  assert.equal(world.sockets.length, 2);
});

test('when the network is back or the tab is on show it does not wait on', async () => {
  for (const wake of [
    ({ page }) => page.dispatchEvent(new Event('online')),
    ({ page }) => page.document.dispatchEvent(new Event('visibilitychange')),
    ({ client }) => client.retryNow(),
  ]) {
    const world = new FakeWorld();
    world.open().drop();
    wake(world);
    assert.equal(world.sockets.length, 2);
    wake(world);
    assert.equal(world.sockets.length, 2, 'one attempt at a time');
    await world.time.advance(5000);
    assert.equal(world.sockets.length, 2, 'the wait is over');
  }
});

test('when the tab comes on show the open connection is asked, not when it is hidden', async () => {
  const world = new FakeWorld();
  const socket = world.open();
  world.page.document.hidden = true;
  world.page.document.dispatchEvent(new Event('visibilitychange'));
  assert.deepEqual(socket.sent, []);
  world.page.document.hidden = false;
  world.page.document.dispatchEvent(new Event('visibilitychange'));
  socket.take('ping');
  world.page.document.dispatchEvent(new Event('visibilitychange'));
  assert.deepEqual(socket.sent, [], 'once');
  await world.time.advance(10_000);
  assert.equal(world.client.state, 'reconnecting');
});

test('a dead connection is noticed while the service is away, too', async () => {
  const world = new FakeWorld();
  world.open();
  world.socket.service(false);
  await world.time.advance(50_000);
  world.socket.take('ping');
  await world.time.advance(10_000);
  assert.equal(world.client.state, 'reconnecting');
});

test('the network is gone: that is told at once, and tried again as after any loss', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  const [socket] = world.sockets;
  const sending = outcome(room.send('a'));
  world.page.dispatchEvent(new Event('offline'));
  const reason = 'the browser is offline';
  const lost = { state: 'reconnecting', code: 1006, reason, delayMs: 600 };
  assert.deepEqual(world.states.at(-1), lost);
  assert.equal(room.state, 'resuming');
  assert.notEqual(socket.closedWith, null);
  world.page.dispatchEvent(new Event('offline'));
  await world.time.advance(600);
  assert.equal(world.sockets.length, 2, 'there may be a way all the same');
  world.page.dispatchEvent(new Event('offline'));
  assert.equal(world.states.at(-1).delayMs, 1100, 'the waits grow');
  await world.time.advance(1000);
  world.page.dispatchEvent(new Event('online'));
  assert.equal(world.sockets.length, 3);
  world.open();
  world.socket.take('add_group');
  world.socket.answer('send_to_group', { offset: 1 });
  await settled();
  assert.equal(sending.value.offset, 1);
});

test('a network that comes and goes causes no storm of attempts', async () => {
  const world = new FakeWorld();
  world.open();
  for (let i = 0; i < 100; i++) {
    world.page.dispatchEvent(new Event('offline'));
    world.page.dispatchEvent(new Event('online'));
    await world.time.advance(50);
  }
  // The first connection, one attempt at once, and then one in each second.
  assert.ok(world.sockets.length <= 7, `${world.sockets.length} attempts`);
  assert.ok(world.sockets.length >= 5, `${world.sockets.length} attempts`);
});
