// The states of the browser client when the service is away, or the edge was never reached.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcome, pluck, record } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';
import { settled } from './support/fake_time.mjs';
import { RETRY } from './support/frames.mjs';

test('an edge that has lost the service is a state of its own, and so is its return', () => {
  const world = new FakeWorld();
  const room = world.joined();
  const states = record(room, 'state');
  world.socket.service(false);
  assert.equal(world.client.state, 'unavailable');
  world.socket.service(false);
  world.socket.service(true);
  assert.equal(world.client.state, 'open');
  world.socket.service(true);
  assert.deepEqual(world.states.slice(1), [{ state: 'unavailable' }, { state: 'open' }]);
  assert.deepEqual([room.state, states], ['joined', []], 'the groups are held all the while');
});

test('a session that opens while the service is away hears it behind the welcome', async () => {
  const world = new FakeWorld();
  world.open();
  world.socket.service(false);
  await world.reopen();
  assert.equal(world.client.state, 'open', 'another edge may have it');
  world.socket.service(false);
  assert.deepEqual(pluck(world.states, 'state'), [
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
  world.socket.service(false);
  room.send('a').catch(() => {});
  world.client.join('tea');
  room.history({ last: 1 }).catch(() => {});
  const asked = world.socket.takeAll();
  assert.deepEqual(pluck(asked, 'cmd'), ['add_group', 'history']);
  room.send('b').catch(() => {});
  world.socket.service(true);
  assert.deepEqual(pluck(world.socket.takeAll(), 'message'), ['a', 'b']);
});

test('what waited for the service goes before what a page sends when it is back', () => {
  const world = new FakeWorld();
  const room = world.joined();
  world.socket.service(false);
  for (const text of ['a', 'b']) room.send(text);
  world.client.addEventListener('state', () => room.send('c'));
  world.socket.service(true);
  assert.deepEqual(pluck(world.socket.takeAll(), 'message'), ['a', 'b', 'c']);
});

test('a send that the edge gave back waits for the service, not for its time', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  const sending = outcome(room.send('a'));
  world.socket.refuse('send_to_group', 'unavailable', RETRY);
  world.socket.service(false);
  await world.time.advance(50_000);
  assert.deepEqual(world.socket.takeAll().filter(({ cmd }) => cmd !== 'ping'), []);
  world.socket.deliver({ event: 'pong' });
  world.socket.service(true);
  world.socket.answer('send_to_group', { offset: 1 });
  await settled();
  assert.equal(sending.value.offset, 1);
});

test('a send that waited too long for the service is given up and was not sent', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  world.socket.service(false);
  const sending = outcome(room.send('a'));
  await world.time.advance(60_000);
  assert.deepEqual([sending.error.code, sending.error.maybePublished], ['timeout', false]);
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
  assert.deepEqual(pluck(world.states, 'state'), ['unreachable', 'unreachable', 'unreachable']);
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
  assert.deepEqual(pluck(world.errors, 'code'), ['stopped']);
  assert.match(joined.error.message, /4507 the Origin/);
  await world.time.advance(3_600_000);
  assert.equal(world.sockets.length, 1);
});
