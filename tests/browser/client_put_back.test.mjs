// A log that was put back to an older state goes on in its old epoch: a gap with the reason
// `position` tells it, and later messages have offsets that were told before. Each subscription of
// the group must hear it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { messageWords, recordAll } from './support/events.mjs';
import { FakeWorld } from './support/fake_edge.mjs';
import { settled } from './support/fake_time.mjs';
import { publications } from './support/frames.mjs';

const at = (offset, epoch = 'k1') => ({ epoch, offset });

function putBack(world, before) {
  world.socket.gap(0, before, { reason: 'position' });
}

for (const [held, gap] of [
  [publications(1, 5), 'gap 0-1 position'],
  [publications(4, 5), 'gap 0-4 position'],
  [[], 'gap 0-6 position'],
]) {
  test(`a second join with a position that the log never gave hears ${gap}`, async () => {
    const world = new FakeWorld();
    world.joined({}, { offset: 5 });
    const second = world.client.join('123', { since: at(1000) });
    const events = recordAll(second);
    await settled();
    await world.answerHistory({ offset: 5, recovered: false, publications: held });
    const all = held.map(({ offset }) => `message ${offset}`);
    assert.deepEqual(events, ['state joined, not all', gap, ...all]);
    assert.deepEqual(second.position, at(5));
    world.socket.message(6);
    world.socket.message(7);
    assert.deepEqual(events.slice(-2), messageWords(6, 7));
    assert.deepEqual(world.socket.sent, []);
  });
}

test('a log that is put back meanwhile is told to all who hear it', async () => {
  const world = new FakeWorld();
  const first = world.joined({}, { offset: 40 });
  world.socket.messages(41, 50);
  const second = world.client.join('123');
  await settled();
  const [ofFirst, ofSecond] = [recordAll(first), recordAll(second)];
  await world.reopen();
  const asked = world.socket.take('add_group');
  assert.deepEqual(asked.since, at(50));
  world.socket.ok(asked, { offset: 21, recovered: false });
  putBack(world, 20);
  world.socket.message(20);
  world.socket.message(21);
  const states = ['state resuming', 'state joined, not all'];
  const again = [...states, 'gap 0-20 position', ...messageWords(20, 21)];
  assert.deepEqual([ofFirst, ofSecond], [again, again]);
  assert.deepEqual([first.position, second.position], [at(21), at(21)]);
  putBack(world, 1); // the connection need not be lost for it
  world.socket.message(1);
  for (const events of [ofFirst, ofSecond]) {
    assert.deepEqual(events.slice(-2), ['gap 0-1 position', 'message 1']);
  }
});

test('a subscription that begins at the head of a join has no part in its gap', async () => {
  const world = new FakeWorld();
  world.open();
  const first = world.client.join('123', { since: at(1000) });
  const second = world.client.join('123');
  let room;
  let third;
  const joinAgain = () => {
    room = world.client.join('123');
    third = recordAll(room);
  };
  first.addEventListener('state', joinAgain, { once: true });
  const [ofFirst, ofSecond] = [recordAll(first), recordAll(second)];
  world.socket.answer('add_group', { offset: 5, recovered: false });
  assert.deepEqual([second.position, room.position], [at(5), at(5)]);
  putBack(world, 1);
  world.socket.messages(1, 6);
  assert.deepEqual(ofFirst, ['state joined, not all', 'gap 0-1 position', ...messageWords(1, 6)]);
  assert.deepEqual(ofSecond, ['state joined', 'message 6']);
  assert.deepEqual(third, ['state joined', 'message 6']);
  putBack(world, 3);
  world.socket.message(3);
  for (const events of [ofSecond, third]) {
    assert.deepEqual(events.slice(2), ['gap 0-3 position', 'message 3']);
  }
});

test('messages fetched from the log before are told anew, and none is believed', async () => {
  const world = new FakeWorld();
  world.joined({}, { offset: 50 });
  const second = world.client.join('123', { since: at(0) });
  const events = recordAll(second);
  await settled();
  await world.answerHistory({ offset: 50, more: true, publications: publications(1, 30) });
  putBack(world, 1);
  assert.deepEqual(second.position, at(0));
  world.socket.messages(1, 35);
  // It was asked for before: after a 30 of the log that was.
  const asked = await world.answerHistory({ offset: 35, publications: publications(31, 35) });
  assert.deepEqual(asked.since, at(30));
  const { since } = await world.answerHistory({ offset: 35, publications: publications(1, 35) });
  assert.deepEqual(since, at(0));
  world.socket.message(36);
  const anew = ['gap 0-1 position', ...messageWords(1, 36)];
  assert.deepEqual(events, ['state joined', ...messageWords(1, 30), ...anew]);
  assert.deepEqual(world.socket.sent, []);
});

for (const [what, epoch] of [
  ['was put back', 'k1'],
  ['began anew', 'k2'],
]) {
  test(`messages from before a log ${what} are not waited for`, async () => {
    const world = new FakeWorld();
    world.joined({}, { offset: 49 });
    world.socket.message(50);
    const events = recordAll(world.client.join('123', { since: at(10) }));
    await settled();
    const range = { epoch, before: 21, ...(epoch === 'k1' ? { after: 0 } : { after: 50 }) };
    const reason = epoch === 'k1' ? 'position' : 'epoch';
    world.socket.deliver({ event: 'gap', group_id: '123', ...range, reason });
    await world.answerHistory({ epoch, offset: 20, recovered: false });
    assert.deepEqual(world.socket.sent, []);
    assert.equal(world.time.pending, 1, 'the next ping, and no fetch');
    world.socket.message(21, { epoch });
    const gap = `gap 10-21 ${epoch === 'k1' ? 'retention' : 'epoch'}`;
    assert.deepEqual(events, ['state joined, not all', gap, 'message 21']);
  });
}

test('a join begins at the head of the log as it is, not as it was', async () => {
  const world = new FakeWorld();
  world.joined({ since: at(1000) }, { offset: 5, recovered: false });
  putBack(world, 1);
  const second = world.client.join('123');
  const ofSecond = recordAll(second);
  await settled();
  assert.deepEqual(await second.joined, at(5));
  world.socket.messages(1, 6);
  assert.deepEqual(ofSecond, ['state joined', 'message 6']);
  putBack(world, 2);
  const ofThird = recordAll(world.client.join('123'));
  world.socket.message(2);
  assert.deepEqual(ofThird, ['state joined', 'message 2']);
  world.socket.gap(2, 1, { epoch: 'k2', reason: 'epoch' });
  const ofFourth = recordAll(world.client.join('123'));
  world.socket.message(1, { epoch: 'k2' });
  assert.deepEqual(ofFourth, ['state joined', 'message 1']);
});
