// The chat page with an edge that a test plays, for cases in which a real edge would need luck.

import assert from 'node:assert/strict';
import { PlayedEdge } from './support/played_edge.mjs';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

scenario(
  'a message that is acknowledged before anything came is not called unsent',
  { edges: 1 },
  async ({ open }) => {
    const { chat, edge } = await PlayedEdge.open(open);
    const join = await edge.take('add_group');
    await chat.send('mine');
    const { id, key } = await edge.take('send_to_group');
    edge.ok({ id }, 6);
    await chat.page.locator('.message time').getByText('sent', { exact: true }).waitFor();
    assert.equal(await chat.page.getByText('Not sent').count(), 0);
    assert.deepEqual(await chat.messages(), []);
    assert.deepEqual(await chat.pending(), ['mine'], 'acknowledged, and its place not known');
    edge.ok(join, 6);
    edge.message(6, { key, message: 'mine' });
    assert.deepEqual(await chat.waitForMessages(1), ['mine']);
    assert.deepEqual(await chat.pending(), []);
  },
);

scenario('"Try again" goes on where the group ended', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.openJoined(open, 2);
  for (const offset of [1, 2, 9]) edge.message(offset); // 9 shows a hole
  const { id, since } = await edge.take('add_group');
  assert.deepEqual(since, { epoch: 'k1', offset: 2 });
  edge.tell({ event: 'error', id, code: 'limit_exceeded', message: 'no' });
  await chat.waitForState('Not joined');
  await chat.page.getByRole('button', { name: 'Try again' }).click();
  const again = await edge.take('add_group');
  assert.deepEqual([again.since, again.last], [since, undefined]);
  edge.ok(again, 3);
  edge.message(3);
  assert.deepEqual(await chat.waitForMessages(3), ['m1', 'm2', 'm3']);
  assert.deepEqual(chat.problems, []);
});

scenario('after the end the page keeps what is typed', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.open(open);
  await edge.take('add_group');
  await edge.socket.close({ code: 4500, reason: 'not for you' });
  await chat.waitForState('Disconnected');
  await chat.join('tea');
  assert.equal(await chat.page.getByLabel('Group to join').inputValue(), 'tea');
  assert.match(await chat.banner(), /not for you.* Reload/);
  assert.deepEqual(chat.problems, []);
});

scenario('Enter that ends a composition sends nothing', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.openJoined(open, 0);
  const field = chat.page.getByLabel('Message', { exact: true });
  await field.fill('にほん');
  // As Safari tells it: the composition is over already, and the key code is the input method's.
  await field.dispatchEvent('keydown', { key: 'Enter', keyCode: 229, cancelable: true });
  assert.equal(await field.inputValue(), 'にほん');
  assert.deepEqual(await chat.pending(), []);
  await field.press('Enter');
  assert.equal((await edge.take('send_to_group')).message, 'にほん');
});

scenario(
  'a message that is not confirmed is offered again when the log is seen to its end',
  { edges: 1 },
  async ({ open }) => {
    const { chat, edge } = await PlayedEdge.openJoined(open, 1, { clock: true });
    edge.message(1);
    await chat.waitForMessages(1);
    await chat.send('mine');
    const { key } = await edge.take('send_to_group');
    await edge.leave();
    await chat.waitForState('Reconnecting…');
    await chat.page.clock.runFor(60_000);
    await chat.page.getByText('Not confirmed, it may have arrived.').waitFor();
    const again = chat.page.getByRole('button', { name: 'Send again' });
    edge.isAway = false;
    await chat.page.getByRole('button', { name: 'Connect now' }).click();
    const join = await edge.take('add_group');
    assert.ok(await again.isDisabled(), 'not joined');
    edge.ok(join, 3);
    edge.message(2);
    await chat.waitForMessages(2);
    await chat.connected();
    assert.ok(await again.isDisabled(), 'not caught up');
    assert.equal(await chat.page.getByText('Nothing was missed').count(), 0);
    edge.message(3);
    await chat.waitForNote('info', /Nothing was missed/);
    await until('the button', () => again.isEnabled());
    assert.equal(await chat.page.getByText('appear twice').count(), 0, 'its key is known still');
    await chat.page.clock.runFor(60_000);
    await chat.page.getByText('it may then appear twice').waitFor();
    await again.click();
    const second = await edge.take('send_to_group');
    assert.deepEqual([second.key, second.message], [key, 'mine']);
  },
);

for (const [what, gap] of [
  ['that began anew', { epoch: 'k2', reason: 'epoch', after: 1 }],
  ['that was put back', { epoch: 'k1', reason: 'position', after: 0 }],
]) {
  scenario(`the end of a log ${what} is not where it was`, { edges: 1 }, async ({ open }) => {
    const { chat, edge } = await PlayedEdge.openJoined(open, 0, { clock: true });
    await chat.connected();
    await chat.send('mine');
    await edge.take('send_to_group');
    await edge.leave();
    await chat.waitForState('Reconnecting…');
    await chat.page.clock.runFor(60_000);
    edge.isAway = false;
    await chat.page.getByRole('button', { name: 'Connect now' }).click();
    await edge.answer('add_group', 3);
    edge.message(1);
    await chat.waitForMessages(1);
    const again = chat.page.getByRole('button', { name: 'Send again' });
    assert.ok(await again.isDisabled(), 'not caught up');
    edge.tell({ event: 'gap', group_id: '123', before: 1, ...gap });
    await until('the button', () => again.isEnabled());
    assert.deepEqual(chat.problems, []);
  });
}

scenario('history is not read aloud; leaving asks first', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.open(open);
  const log = chat.page.locator('.log');
  await edge.answer('add_group', 2);
  edge.message(1);
  await chat.waitForMessages(1);
  assert.equal(await log.getAttribute('aria-busy'), 'true');
  edge.message(2);
  await until('the end of the history', async () => {
    return (await log.getAttribute('aria-busy')) === 'false';
  });
  await chat.send('mine');
  await edge.take('send_to_group');
  const leave = async (answer) => {
    chat.page.once('dialog', (dialog) => (answer ? dialog.accept() : dialog.dismiss()));
    await chat.page.getByRole('button', { name: 'Leave' }).click();
    return (await chat.groups()).length;
  };
  assert.equal(await leave(false), 1);
  assert.equal(await leave(true), 0);
  await edge.take('leave_group');
});
