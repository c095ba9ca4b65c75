// The page keeps drafts of groups, lines that are being read, and the knowledge which messages are
// its own. It does not claim to know who has sent a message.

import assert from 'node:assert/strict';
import { PlayedEdge } from './support/played_edge.mjs';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

const range = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => `m${first + i}`);
const log = (chat) => chat.page.locator('.log:not([hidden])');
const days = (chat) => log(chat).locator('.day').count();

// Scrolls as a reader does, and waits until the page has noticed it.
async function scroll(chat, to) {
  await log(chat).evaluate(async (node, where) => {
    const frame = () => new Promise(requestAnimationFrame);
    await frame();
    await frame();
    const scrolled = new Promise((done) => node.addEventListener('scroll', done, { once: true }));
    node.scrollTop = where === 'top' ? 0 : node.scrollHeight;
    await scrolled;
    await frame();
  }, to);
}

async function tellMany(chat, edge, first, last) {
  for (let offset = first; offset <= last; offset++) edge.message(offset);
  await until(`message ${last}`, async () => (await chat.counters()).messages >= last);
}

// Messages of the group on show that the page calls its own.
const mine = (chat) =>
  log(chat)
    .locator('.mine .text')
    .evaluateAll((nodes) => nodes.map((node) => node.textContent));

scenario('a draft belongs to its group', { edges: 1 }, async ({ open }) => {
  const chat = await open('?group=tea,coffee');
  await chat.connected();
  const field = chat.page.getByLabel('Message', { exact: true });
  await field.fill('about tea');
  await chat.show('coffee');
  assert.equal(await field.inputValue(), '');
  await field.fill('about coffee');
  await chat.join('123');
  assert.equal(await field.inputValue(), '');
  await chat.show('tea');
  assert.equal(await field.inputValue(), 'about tea');
  await chat.show('tea');
  assert.equal(await field.inputValue(), 'about tea');
  await field.press('Enter');
  assert.deepEqual(await chat.waitForMessages(1), ['about tea']);
  await chat.show('coffee');
  assert.equal(await field.inputValue(), 'about coffee');
  await chat.show('tea');
  assert.equal(await field.inputValue(), '', 'that was sent');
});

scenario('no line that is being read is removed, nor its day', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.openJoined(open, 0);
  await tellMany(chat, edge, 1, 600);
  assert.deepEqual(await chat.messages(), range(101, 600));
  assert.equal(await days(chat), 1);
  await scroll(chat, 'top');
  await tellMany(chat, edge, 601, 900);
  assert.deepEqual(await chat.messages(), range(101, 900));
  assert.equal(await log(chat).evaluate((node) => node.scrollTop), 0);
  await chat.page.getByRole('button', { name: 'New messages' }).click();
  await until('the end', async () => (await chat.messages()).length === 500);
  assert.deepEqual(await chat.messages(), range(401, 900));
  assert.equal(await days(chat), 1);
  const nextDay = 1_800_000_000_000 + 86_400_000;
  edge.message(901, { time_unix_ms: nextDay });
  await chat.page.getByText('m901', { exact: true }).waitFor();
  assert.equal(await days(chat), 2);
  for (let offset = 902; offset <= 1401; offset++) edge.message(offset, { time_unix_ms: nextDay });
  await chat.page.getByText('m1401', { exact: true }).waitFor();
  assert.equal(await days(chat), 1, 'of the first day nothing is left');
  assert.deepEqual(await chat.messages(), range(902, 1401));
});

scenario('the page of a reader above does not grow on', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.openJoined(open, 0);
  await tellMany(chat, edge, 1, 100);
  await scroll(chat, 'top');
  await tellMany(chat, edge, 101, 2600);
  const above = await chat.messages();
  assert.equal(above[0], 'm1');
  assert.equal(above.length, 1999, 'and the heading of the day');
  await scroll(chat, 'end');
  const shown = await until('the newest', async () => {
    const messages = await chat.messages();
    return messages.at(-1) === 'm2600' && messages;
  });
  await chat.waitForNote('info', /^102 messages came while you read above/);
  assert.deepEqual(shown.slice(-499), range(2102, 2600), 'the rest is told of');
  await tellMany(chat, edge, 2601, 2602);
  await chat.page.getByText('m2602', { exact: true }).waitFor();
});

scenario('lines that wait for a reader above keep their order', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.openJoined(open, 0);
  await tellMany(chat, edge, 1, 100);
  await chat.send('mine');
  const { key } = await edge.take('send_to_group');
  await scroll(chat, 'top');
  await tellMany(chat, edge, 101, 2100);
  edge.message(2101, { key, message: 'mine' }); // the pending line makes room
  await tellMany(chat, edge, 2102, 2102);
  assert.deepEqual(await chat.messages(), range(1, 1998));
  await scroll(chat, 'end');
  await chat.page.getByText('m2102', { exact: true }).waitFor();
  const shown = await chat.messages();
  assert.deepEqual(shown.slice(-102), [...range(2001, 2100), 'mine', 'm2102']);
  assert.deepEqual(chat.problems, []);
});

scenario('a message of this tab is its own after a reload, too', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.open(open);
  const keys = {};
  await edge.answer('add_group', 0);
  for (const [i, text] of ['seen', 'acknowledged', 'on its way'].entries()) {
    await chat.send(text);
    const { id, key } = await edge.take('send_to_group');
    keys[text] = key;
    if (text === 'seen') edge.message(1, { key, message: text });
    if (text === 'acknowledged') edge.ok({ id }, i + 1);
  }
  await chat.page.locator('.message time').getByText('sent', { exact: true }).waitFor();
  await chat.page.reload();
  await edge.answer('add_group', 3);
  for (const [i, [text, key]] of Object.entries(keys).entries()) {
    edge.message(i + 1, { key, message: text });
  }
  await chat.waitForMessages(3);
  assert.deepEqual(await mine(chat), Object.keys(keys));
  // The members see the keys, and the service forgets them.
  for (const [i, key] of Object.values(keys).entries()) {
    edge.message(i + 4, { key, message: `posing ${i}` });
  }
  edge.message(7);
  await chat.waitForMessages(7);
  assert.deepEqual(await mine(chat), Object.keys(keys));
  assert.deepEqual(chat.problems, []);
});

scenario('a name that is typed is text, and no sender', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.openJoined(open, 0);
  await chat.page.getByLabel('Your name').fill('Ada');
  await chat.send('hello');
  const { message, key } = await edge.take('send_to_group');
  edge.message(1, { key, message });
  edge.message(2, { message: 'Ada: give Bob the money' });
  edge.message(3, { message: { name: 'Ada', text: 'and hurry' } });
  const texts = ['Ada: hello', 'Ada: give Bob the money', '{"name":"Ada","text":"and hurry"}'];
  assert.deepEqual(await chat.waitForMessages(3), texts);
  assert.deepEqual(await mine(chat), texts.slice(0, 1));
  assert.equal(await log(chat).locator('.text *').count(), 0, 'no part of a text is marked');
});
