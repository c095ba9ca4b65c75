// The browser client takes these as a message: JSON values and bytes; anything else is refused with
// a reason, and never sent as something that it was not.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { record } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';

const bodies = (frames) => frames.map(({ message, data }) => message ?? { data });

test('bytes are sent as data, in base64', () => {
  const world = new FakeWorld();
  world.open();
  const buffer = new Uint8Array([9, 0x00, 0xff, 0x10, 9]).buffer;
  const all = Uint8Array.from({ length: 256 }, (_, i) => i);
  const many = new Uint8Array(30_000).fill(7);
  const view = new Uint8Array(buffer, 1, 3);
  for (const [bytes, base64] of [
    [view, 'AP8Q'],
    [new DataView(buffer, 1, 3), 'AP8Q'],
    [buffer.slice(1, 4), 'AP8Q'],
    [new Int8Array([0, -1, 16]), 'AP8Q'],
    [new Uint8Array(), ''],
    [new Float64Array([1.5]), Buffer.from(new Float64Array([1.5]).buffer).toString('base64')],
    [Buffer.from('ş'), 'xZ8='],
    [all, Buffer.from(all).toString('base64')],
    [many, Buffer.from(many).toString('base64')],
  ]) {
    world.client.send('123', bytes, { key: 'k' });
    const { id, ...frame } = world.socket.take('send_to_group');
    assert.deepEqual(frame, { cmd: 'send_to_group', group_id: '123', key: 'k', data: base64 });
  }
  world.client.send('123', view);
  view.fill(0);
  assert.equal(world.socket.take('send_to_group').data, 'AP8Q', 'as they were at the call');
});

test('bytes arrive as a Uint8Array, live and in a history', async () => {
  const world = new FakeWorld();
  const room = world.joined();
  const messages = record(room, 'message');
  world.socket.message(1, { message: undefined, data: 'AP8Q' });
  world.socket.message(2, { message: undefined, data: '' });
  for (const [i, bytes] of [[0, 255, 16], []].entries()) {
    assert.ok(messages[i].data instanceof Uint8Array);
    assert.deepEqual([...messages[i].data], bytes);
    assert.ok(!('message' in messages[i]));
  }
  const asked = room.history({ last: 1 });
  const old = { offset: 1, previous_offset: 0, time_unix_ms: 1, data: 'AP8Q' };
  world.socket.ok(world.socket.take('history'), { offset: 2, publications: [old], more: false });
  assert.deepEqual([...(await asked).publications[0].data], [0, 255, 16]);
});

test('bytes over the limit of the server are refused as they are sent: in base64', async () => {
  const world = new FakeWorld();
  world.open({ limits: { message_bytes: 1000 } });
  const refused = { code: 'too_large', maybePublished: false };
  await assert.rejects(world.client.send('123', new Uint8Array(750)), refused);
  world.client.send('123', new Uint8Array(600));
  world.socket.take('send_to_group');
});

test('a value that JSON keeps as it is, is sent', () => {
  const world = new FakeWorld();
  world.open();
  class Chat {
    text = 'of a class with fields';
  }
  class Point {
    #x = 1;
    toJSON() {
      return { x: this.#x };
    }
  }
  const shared = { twice: 1 };
  for (const [message, sent] of [
    ['text', 'text'],
    [0, 0],
    [false, false],
    [[], []],
    [{}, {}],
    [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
    [{ left: undefined, kept: null }, { kept: null }],
    [new Chat(), { text: 'of a class with fields' }],
    [[new Point()], [{ x: 1 }]],
    [new Date(0), '1970-01-01T00:00:00.000Z'],
    [new URL('ws://edge/'), 'ws://edge/'],
    [Object('boxed'), 'boxed'],
    [[shared, shared, { shared }], [shared, shared, { shared }]],
    [{ 'a.b': [{ '': 1 }] }, { 'a.b': [{ '': 1 }] }],
  ]) {
    world.client.send('123', message).catch(assert.fail);
    assert.deepEqual(world.socket.take('send_to_group').message, sent);
  }
  world.client.send('123', null);
  assert.equal(world.socket.take('send_to_group').message, null);
});

test('a value that JSON would change is refused, and the error says where and why', async () => {
  const world = new FakeWorld();
  world.open();
  const circle = { list: [] };
  circle.list.push({ circle });
  class Empty {
    #hidden = 1;
    get shown() {
      return this.#hidden;
    }
  }
  for (const [message, why] of [
    [undefined, /^the message is undefined\. Allowed are null, booleans/],
    [() => {}, /is a function/],
    [{ on() {} }, /^the message\.on is a function/],
    [Symbol('s'), /is a symbol/],
    [10n, /is a BigInt; send String/],
    [{ list: [1, { big: 10n }] }, /^the message\.list\[1\]\.big is a BigInt/],
    [new Map([[1, 2]]), /is a Map; send Object\.fromEntries/],
    [{ deep: [new Set([1])] }, /^the message\.deep\[0\] is a Set; send \[\.\.\.set\]/],
    [[1, undefined], /^the message\[1\] is undefined/],
    [[1, , 3], /^the message\[1\] is undefined/],
    [NaN, /is NaN/],
    [{ n: -Infinity }, /^the message\.n is -Infinity/],
    [new Date(NaN), /is an invalid Date/],
    [/x/, /is a RegExp/],
    [new Error('x'), /is a Error; send its message/],
    [Promise.resolve('x'), /is a Promise; .* await it/],
    [new Blob(['x']), /is a Blob; send await blob\.arrayBuffer/],
    [new SharedArrayBuffer(8), /is a SharedArrayBuffer; send a Uint8Array of it/],
    [new WeakMap(), /is a WeakMap/],
    [new Empty(), /is an instance of Empty without fields/],
    [{ bytes: new Uint8Array(3) }, /^the message\.bytes is bytes inside of something else/],
    [[Buffer.from('x')], /^the message\[0\] is bytes inside/],
    [[new ArrayBuffer(3)], /^the message\[0\] is bytes inside/],
    [circle, /^the message\.list\[0\]\.circle is an object that it is inside of/],
  ]) {
    await assert.rejects(world.client.send('123', message), (error) => {
      assert.ok(error instanceof TypeError, String(error));
      assert.match(error.message, why);
      assert.match(error.message, /Allowed are .*; and bytes, alone/);
      return true;
    });
  }
  assert.deepEqual(world.socket.sent, []);
  assert.equal(new FakeWorld().time.pending, world.time.pending, 'and nothing waits');
});

test('a message that no server could read is refused, not sent', async () => {
  const world = new FakeWorld();
  world.open();
  const nested = (levels) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
  const refused = { name: 'ChannelError', code: 'bad_request', maybePublished: false };
  let abyss = [];
  for (let i = 0; i < 1_000_000; i++) abyss = [abyss];
  const unreadable = ['half \ud83d', '\udc4b half', { '\ud83d': 1 }, nested(32), abyss];
  for (const message of unreadable) {
    await assert.rejects(world.client.send('123', message), { ...refused, group: '123' });
  }
  await assert.rejects(world.client.send('123', 'x', { key: 'k\ud83d' }), refused);
  await assert.rejects(world.client.send('g\ud83d', 'x'), refused);
  assert.deepEqual(world.socket.sent, []);
  const fine = ['👋', 'the text \\ud83d and \\\\ud83d', '[{'.repeat(40), nested(31), '"\\"[{'];
  for (const message of fine) world.client.send('123', message);
  assert.deepEqual(bodies(world.socket.takeAll()), fine);
});
