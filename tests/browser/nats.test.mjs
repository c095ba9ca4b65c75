// The chat page on --engine=nats: the log outlives the service and nats-server.

import assert from 'node:assert/strict';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

const range = (word, from, to) => {
  const texts = [];
  for (let i = from; i <= to; i++) texts.push(`${word} ${i}`);
  return texts;
};

scenario(
  'with the log in NATS pages miss nothing when nats-server and then the service are killed',
  { nats: true, timeoutMs: 120_000 },
  async ({ system, open, openOnDifferentEdges }) => {
    const pages = await openOnDifferentEdges('123');
    for (const text of range('before', 1, 3)) await pages[0].send(text);
    for (const chat of pages) await chat.waitForMessages(3);

    await system.nats.kill();
    for (const text of range('while NATS was dead', 1, 3)) await pages[1].send(text);
    await until('three pending messages', async () => (await pages[1].pending()).length === 3);
    await system.nats.start();
    for (const chat of pages) await chat.waitForMessages(6);

    await system.service.kill();
    await pages[0].send('while the service was dead');
    await system.service.start();
    for (const chat of pages) await chat.waitForMessages(7);
    await pages[1].send('after');

    const all = [
      ...range('before', 1, 3),
      ...range('while NATS was dead', 1, 3),
      'while the service was dead',
      'after',
    ];
    for (const chat of pages) {
      assert.deepEqual(await chat.waitForMessages(8), all);
      const { gapList, missed, holes } = await chat.counters();
      assert.deepEqual({ gapList, missed, holes }, { gapList: [], missed: 0, holes: 0 });
    }
    // A page that comes now finds all of them, from before both deaths, too.
    const late = await open('?group=123');
    assert.deepEqual(await late.waitForMessages(8), all);
  },
);
