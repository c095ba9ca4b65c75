// The page tells the state of its connection: when the service is away, when it is refused, when it never
// gets through, when the network is gone.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { PlayedEdge } from './support/played_edge.mjs';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

scenario('the page tells in words that the service is away', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.openJoined(open, 0);
  await chat.connected();
  assert.equal(await chat.banner(), '');
  edge.tell({ event: 'service', available: false });
  await chat.waitForState('Waiting for the service…');
  await chat.waitForBanner(/has lost its message service/);
  await chat.send('hello?');
  assert.deepEqual(await chat.pending(), ['hello?']);
  edge.tell({ event: 'service', available: true });
  await chat.connected();
  assert.equal(await chat.banner(), '');
  assert.equal((await edge.take('send_to_group')).message, 'hello?');
  assert.deepEqual(await chat.notes('info'), [], 'no connection was lost');
  assert.deepEqual(chat.problems, []);
});

scenario('each reason of a gap is told in words', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.openJoined(open, 0);
  await chat.connected();
  const url = new URL('../../ws_edge/web/client/events.d.ts', import.meta.url);
  const reasons = fs.readFileSync(url, 'utf8').match(/^  reason: (.*);$/m)[1].match(/\w+/g);
  assert.ok(reasons.includes('retention') && reasons.length >= 4, `${reasons}`);
  for (const [i, reason] of reasons.entries()) {
    edge.tell({ event: 'gap', group_id: '123', epoch: `k${i + 2}`, after: 0, before: 1, reason });
  }
  const notes = await until('the notes', async () => {
    const all = await chat.notes('error');
    return all.length === reasons.length && all;
  });
  for (const [i, note] of notes.entries()) {
    assert.match(note, /^Messages may be missing here: \w+ .*\.$/, `for ${reasons[i]}`);
  }
});

scenario('a page that is refused for good says why, and stops', { edges: 1 }, async ({ open }) => {
  const reason = 'the Origin http://evil.test is not allowed; see --allowed_origins';
  const refusal = { code: 4507, reason };
  const { chat, edge } = await PlayedEdge.open(open, { clock: true, isAway: true, refusal });
  assert.ok((await chat.waitForBanner(/4507/)).includes(reason));
  await chat.waitForState('Disconnected');
  await chat.page.clock.runFor(3_600_000);
  assert.equal(edge.refused, 1);
  assert.ok(await chat.page.getByRole('button', { name: 'Send' }).isDisabled());
});

scenario('a page that never gets through says so', { edges: 1 }, async ({ open }) => {
  const { chat, edge } = await PlayedEdge.open(open, { isAway: true });
  await chat.waitForState('Cannot connect yet…');
  await chat.waitForBanner(/^This page cannot reach its server\. It tries again in \d+ s\.$/);
  edge.isAway = false;
  await chat.page.getByRole('button', { name: 'Connect now' }).click({ noWaitAfter: true });
  await edge.answer('add_group', 0);
  await chat.connected();
  assert.equal(await chat.banner(), '');
  await edge.leave();
  await chat.waitForState('Reconnecting…');
});

scenario('a network that is gone is told at once', { edges: 1 }, async ({ open }) => {
  const chat = await open();
  await chat.page.clock.install();
  await chat.join('123');
  await chat.connected();
  // Its clock goes 15 s at most, so that no ping is due: 5 s, and 10 ms with each look.
  await chat.pauseClock();
  const state = chat.page.locator('#chatState');
  const soon = (text) =>
    until(text, async () => {
      await chat.page.clock.runFor(10);
      return (await state.textContent()) === text;
    });
  await chat.context.setOffline(true);
  await soon('Reconnecting…');
  await chat.send('from the tunnel');
  await chat.context.setOffline(false);
  await soon('Connected');
  assert.deepEqual(await chat.waitForMessages(1), ['from the tunnel']);
});
