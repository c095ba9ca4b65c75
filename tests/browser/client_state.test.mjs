// What the browser client tells of its connection: the service behind the edge is away, the edge
// was never reached, the network is gone. And its clock: nobody can set it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeWorld, outcome, record, settled } from './support/fake_edge.mjs';

const HOUR_MS = 3_600_000;
const RETRY = { retryable: true, retry_ms: 1000 };
const service = (world, available) => world.socket.deliver({ event: 'service', available });
const names = (states) => states.map(({ state }) => state);

test('an edge that has lost the service is a state of its own, and so is its return', () => {
  const world = new FakeWorld();
  const room = world.joined();
  const states = record(room, 'state');
  service(world, false);
  assert.equal(world.client.state, 'unavailable');
  service(world, false);
  service(world, true);
  assert.equal(world.client.state, 'open');
  service(world, true);
  assert.deepEqual(world.states.slice(1), [{ state: 'unavailable' }, { state: 'open' }]);
  assert.deepEqual([room.state, states], ['joined', []], 'the groups are held all the while');
});

test('a session that opens while the service is away hears it behind the welcome', async () => {
  const world = new FakeWorld();
  world.open();
  service(world, false);
  await world.reopen();
  assert.equal(world.client.state, 'open', 'another edge may have it');
  service(world, false);
  assert.deepEqual(names(world.states), [
    'open',
    'unavailable',
    'reconnecting',
    'open',
    'unavailable',
  ]);
});

test('sends wait in the queue while the service is away, joins and histories do not', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  service(world, false);
  room.send('a').catch(() => {});
  world.client.join('tea');
  room.history({ last: 1 }).catch(() => {});
  const asked = world.socket.takeAll();
  assert.deepEqual(
    asked.map(({ cmd }) => cmd),
    ['add_group', 'history'],
  );
  room.send('b').catch(() => {});
  service(world, true);
  assert.deepEqual(
    world.socket.takeAll().map(({ message }) => message),
    ['a', 'b'],
  );
});

test('a send that the edge gave back waits for the service, not for its time', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  const sending = outcome(room.send('a'));
  world.socket.error(world.socket.take('send_to_group'), 'unavailable', RETRY);
  service(world, false);
  await world.time.advance(50_000);
  assert.deepEqual(
    world.socket.takeAll().filter(({ cmd }) => cmd !== 'ping'),
    [],
  );
  world.socket.deliver({ event: 'pong' });
  service(world, true);
  world.socket.ok(world.socket.take('send_to_group'), { offset: 1 });
  await settled();
  assert.equal(sending.value.offset, 1);
});

test('what waited too long for the service is given up and was not sent', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  service(world, false);
  const sending = outcome(room.send('a'));
  await world.time.advance(60_000);
  assert.deepEqual([sending.error.code, sending.error.maybePublished], ['timeout', false]);
});

test('a dead connection is noticed while the service is away, too', async () => {
  const world = new FakeWorld();
  world.open();
  service(world, false);
  await world.time.advance(50_000);
  world.socket.take('ping');
  await world.time.advance(10_000);
  assert.equal(world.client.state, 'reconnecting');
});

test('a client that never got through says so, and when it tries again', async () => {
  const world = new FakeWorld();
  world.socket.drop();
  const waiting = { state: 'unreachable', code: 1006, reason: '', delayMs: 600 };
  assert.deepEqual(world.states, [waiting]);
  assert.equal(world.errors.length, 1);
  const [{ code, message }] = world.errors;
  assert.equal(code, 'unreachable');
  assert.match(message, /^cannot reach ws:\/\/edge\/: .* 1006\); trying again in 0\.6 s$/);
  for (const delayMs of [600, 1100]) {
    await world.time.advance(delayMs);
    world.socket.drop();
  }
  assert.deepEqual(names(world.states), ['unreachable', 'unreachable', 'unreachable']);
  assert.equal(world.errors.length, 1, 'the state tells of the later attempts');
  await world.time.advance(world.states.at(-1).delayMs);
  world.open();
  world.socket.drop();
  assert.equal(world.client.state, 'reconnecting', 'this one was lost');
  assert.equal(world.errors.length, 1);
});

test('a server that refuses for good is heard before any welcome', async () => {
  const world = new FakeWorld();
  const joined = outcome(world.client.join('123').joined);
  const reason = 'the Origin http://evil.test is not allowed; see --allowed_origins';
  world.socket.drop(4507, reason);
  await settled();
  assert.deepEqual(world.states, [{ state: 'stopped', code: 4507, reason }]);
  assert.deepEqual(
    world.errors.map(({ code }) => code),
    ['stopped'],
  );
  assert.match(joined.error.message, /4507 the Origin/);
  await world.time.advance(HOUR_MS);
  assert.equal(world.sockets.length, 1);
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
  world.socket.ok(world.socket.take('send_to_group'), { offset: 1 });
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

test('the clock is set forward 1 h: what was not sent yet is sent, and has its 60 s', async (t) => {
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

test('the clock is set back 1 h: what was sent is sent again, and has its 60 s', async (t) => {
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
  assert.deepEqual(
    world.socket.takeAll().map(({ message }) => message),
    ['b'],
    'that one was never sent',
  );
  assert.deepEqual([tried.error.code, tried.error.maybePublished], ['timeout', true]);
  assert.deepEqual(queued, {});
});
