// The connection of the browser client: when it connects again, when not, and how it ends.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { connect, randomKey } from '../../ws_edge/web/channel.js';
import { outcome, pluck, record } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';
import { settled } from './support/fake_time.mjs';

test('it offers the subprotocol and is open when the server says welcome', () => {
  const world = new FakeWorld();
  assert.equal(world.socket.url, 'ws://edge/');
  assert.equal(world.socket.protocol, 'channel.v1.json');
  assert.equal(world.client.state, 'connecting');
  world.client.join('123');
  assert.deepEqual(world.socket.sent, [], 'nothing before the welcome');
  world.open();
  assert.equal(world.client.state, 'open');
  assert.equal(world.client.server, 'edge-1');
  assert.deepEqual(world.states, [{ state: 'open' }]);
});

test('one socket carries many groups, and all are joined again', async () => {
  const world = new FakeWorld();
  for (const group of ['a', 'b', 7]) world.client.join(group);
  world.open();
  const groups = () => world.socket.takeAll().map(({ cmd, group_id }) => `${cmd} ${group_id}`);
  assert.deepEqual(groups(), ['add_group a', 'add_group b', 'add_group 7']);
  world.client.join('c');
  assert.deepEqual(groups(), ['add_group c']);
  await world.reopen();
  assert.deepEqual(groups(), ['add_group a', 'add_group b', 'add_group 7', 'add_group c']);
  assert.equal(world.sockets.length, 2);
  assert.equal(world.client.counters.reconnects, 1);
});

// The waits before `count` attempts that all fail.
async function delays(world, count, code = 1006) {
  const seen = [];
  for (let i = 0; i < count; i++) {
    world.socket.drop(code);
    seen.push(world.states.at(-1).delayMs);
    await world.time.advance(seen.at(-1) - 1);
    const { length } = world.sockets;
    await world.time.advance(1);
    assert.equal(world.sockets.length, length + 1, 'it waits just that long');
  }
  return seen;
}

test('the wait is random in a window that doubles up to the server’s end', async () => {
  const world = new FakeWorld();
  world.random = 1;
  assert.deepEqual(await delays(world, 6), [1000, 2000, 4000, 8000, 15_000, 15_000]);
  world.random = 0;
  assert.deepEqual(await delays(world, 2), [200, 200]);
  world.open({ reconnect_ms: [100, 5000] });
  world.random = 1;
  assert.deepEqual(await delays(world, 1), [5000], 'this connection did not hold for long');
  world.open({ reconnect_ms: [3000, 5000] });
  await world.time.advance(5000);
  world.random = 0.5;
  assert.deepEqual(await delays(world, 3), [3000, 3000, 3500], 'never below its begin');
});

test('a connection that held 5 s starts the back-off afresh, a shorter one does not', async () => {
  const world = new FakeWorld();
  world.random = 1;
  await delays(world, 2);
  world.open();
  await world.time.advance(4999);
  assert.deepEqual(await delays(world, 1), [4000]);
  world.open();
  await world.time.advance(5000);
  assert.deepEqual(await delays(world, 1), [1000]);
});

test('after a bye it waits a random time of the whole window of the bye, once', async () => {
  const world = new FakeWorld();
  world.random = 1;
  world.open().deliver({ event: 'bye', code: 4001, reconnect_ms: [100, 60_000] });
  assert.equal(world.client.state, 'open', 'the server closes, not we');
  assert.deepEqual(await delays(world, 2, 4001), [60_000, 2000]);
});

test('the window of a bye counts for the next wait, whatever the close code is', async () => {
  const world = new FakeWorld();
  world.random = 1;
  world.open().deliver({ event: 'bye', code: 4001, reconnect_ms: [50_000, 60_000] });
  assert.deepEqual(await delays(world, 2, 1006), [60_000, 2000]);
});

test('close code 4000 means at once, but only after a connection that held', async () => {
  const world = new FakeWorld();
  world.open();
  await world.time.advance(5000);
  assert.deepEqual(await delays(world, 3, 4000), [0, 1100, 2100]);
  world.open();
  await world.time.advance(4999);
  assert.deepEqual(await delays(world, 1, 4000), [4100], 'a server that goes on so is not hurried');
  world.open();
  await world.time.advance(5000);
  assert.deepEqual(await delays(world, 1, 4000), [0]);
});

for (const code of [1000, 1001, 1006, 1009, 1012, 4001, 4002, 4008, 4012, 4499, 5000]) {
  test(`on close code ${code} it connects again`, async () => {
    const world = new FakeWorld();
    world.open().drop(code, 'because');
    assert.deepEqual(world.states.at(-1), {
      state: 'reconnecting',
      code,
      reason: 'because',
      delayMs: 600,
    });
    await world.time.advance(600);
    assert.equal(world.sockets.length, 2);
  });
}

for (const code of [4500, 4503, 4999]) {
  test(`on close code ${code} it stops for good`, async () => {
    const world = new FakeWorld();
    const room = world.client.join('123');
    const states = record(room, 'state');
    world.open();
    const sending = outcome(room.send('x'));
    const joined = outcome(room.joined);
    world.socket.drop(code, 'no');
    await settled();
    assert.deepEqual(world.states.at(-1), { state: 'stopped', code, reason: 'no' });
    const text = `the server closed with ${code} no`;
    assert.deepEqual(world.errors, [{ code: 'stopped', message: text }]);
    assert.equal(sending.error.code, 'stopped');
    assert.equal(sending.error.maybePublished, true);
    assert.equal(joined.error.code, 'stopped');
    assert.deepEqual(
      states.map(({ state, error }) => [state, error.code]),
      [['failed', 'stopped']],
    );
    world.client.retryNow();
    world.page.dispatchEvent(new Event('online'));
    await world.time.advance(3_600_000);
    assert.equal(world.sockets.length, 1);
    assert.equal(world.time.pending, 0);
    const ended = { code: 'stopped', message: text };
    assert.throws(() => world.client.join('456'), ended);
    await assert.rejects(world.client.send('456', 'x'), ended);
  });
}

test('an attempt without a welcome in 10 s is given up and not heard any more', async () => {
  const world = new FakeWorld();
  const [frozen] = world.sockets;
  await world.time.advance(9999);
  assert.equal(frozen.closedWith, null);
  await world.time.advance(1);
  assert.notEqual(frozen.closedWith, null);
  assert.equal(world.client.state, 'unreachable');
  frozen.welcome();
  frozen.drop(4500);
  assert.equal(world.client.state, 'unreachable');
  await world.time.advance(600);
  world.open();
  assert.equal(world.client.state, 'open');
});

test('a server that selects no subprotocol is no edge: it is told at once, and tried again', async () => {
  const world = new FakeWorld();
  const room = world.client.join('123');
  const [other] = world.sockets;
  other.accept('');
  assert.notEqual(other.closedWith, null);
  assert.match(world.errors[0].message, /does not speak channel\.v1\.json/);
  assert.equal(world.errors[0].code, 'unreachable');
  assert.deepEqual(other.sent, []);
  await world.time.advance(600);
  world.open().answer('add_group');
  assert.equal(room.state, 'joined');
});

test('after a bye it goes on until the server closes, and resumes on the next connection', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  world.socket.deliver({ event: 'bye', code: 4001, reconnect_ms: [100, 500] });
  const sending = outcome(room.send('a'));
  const { key } = world.socket.take('send_to_group');
  assert.equal(world.socket.closedWith, null);
  world.socket.drop(4001);
  await world.time.advance(500);
  world.open().answer('add_group');
  const again = world.socket.take('send_to_group');
  assert.deepEqual([again.message, again.key], ['a', key]);
  world.socket.ok(again, { offset: 1 });
  await settled();
  assert.equal(sending.value.offset, 1);
});

test('close ends everything: 1000, groups left, sends rejected, no timer stays', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  const states = record(room, 'state');
  const sending = outcome(room.send('x'));
  world.client.close();
  world.client.close();
  await settled();
  assert.equal(world.socket.closedWith, 1000);
  assert.deepEqual(pluck(states, 'state'), ['left']);
  assert.deepEqual([sending.error.code, sending.error.maybePublished], ['closed', true]);
  assert.equal(world.states.filter(({ state }) => state === 'stopped').length, 1);
  await assert.rejects(room.send('y'), { code: 'closed', maybePublished: false });
  await assert.rejects(world.client.send('123', 'y'), { code: 'closed' });
  world.socket.drop(1000);
  let asked = 0;
  Object.defineProperty(world.page.document, 'hidden', { get: () => asked++ });
  world.page.dispatchEvent(new Event('online'));
  world.page.document.dispatchEvent(new Event('visibilitychange'));
  assert.equal(asked, 0, 'it listens no more');
  await world.time.advance(3_600_000);
  assert.equal(world.time.pending, 0);
  assert.equal(world.sockets.length, 1);
});

test('close between two attempts, and inside of a listener, is heeded', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  room.addEventListener('state', () => world.client.close());
  world.socket.drop();
  assert.equal(world.client.state, 'stopped');
  assert.equal(world.states.at(-1).state, 'stopped', 'nothing is told after the end');
  await world.time.advance(60_000);
  assert.equal(world.sockets.length, 1);
});

test('errors of no command and of no group are events of the client', () => {
  const world = new FakeWorld();
  world.open().deliver({ event: 'error', code: 'bad_request', message: 'what?' });
  assert.deepEqual(world.errors, [{ code: 'bad_request', message: 'what?' }]);
  world.socket.deliver({ event: 'of the future', id: 99 });
  assert.equal(world.client.state, 'open');
});

// In a process of its own: the platform reports what a listener throws as an uncaught exception.
test('a listener that throws stops nothing', () => {
  const program = `
    import { FakeWorld } from ${JSON.stringify(new URL('support/fake_edge.mjs', import.meta.url))};
    let thrown = 0;
    process.on('uncaughtException', () => thrown++);
    const fail = () => { throw new Error('of the listener'); };
    const world = new FakeWorld();
    world.client.addEventListener('state', fail);
    const room = world.client.join('123');
    const seen = [];
    for (const type of ['state', 'message', 'gap', 'error']) room.addEventListener(type, fail);
    room.addEventListener('message', ({ offset }) => seen.push(offset));
    world.open();
    world.socket.answer('add_group');
    world.socket.message(1);
    world.socket.message(3); // a hole
    world.socket.answer('add_group');
    world.socket.message(2);
    world.socket.gap(2, 9);
    world.socket.message(9, { previous_offset: 8 });
    await world.reopen();
    world.socket.answer('add_group');
    world.socket.message(10);
    setImmediate(() => console.log(JSON.stringify({ seen, thrown: thrown > 8 })));
  `;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program]);
  assert.deepEqual(JSON.parse(output), { seen: [1, 2, 9, 10], thrown: true });
});

test('without a WebSocket or an address of an edge it says so', () => {
  class Socket {}
  assert.throws(() => connect(undefined, { WebSocket: Socket }), /address of an edge/);
  const environment = { WebSocket: undefined };
  assert.throws(() => connect('ws://edge/', { environment }), /no WebSocket/);
});

test('keys are long, random and no two alike', () => {
  const keys = new Set(Array.from({ length: 1000 }, randomKey));
  assert.equal(keys.size, 1000);
  for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
});
