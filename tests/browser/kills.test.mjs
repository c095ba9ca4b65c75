// Twenty kills at random while people talk and a program publishes: the pages miss nothing that was
// acknowledged, but for what they announce, and show nothing twice. SEED=n repeats the choices.

import assert from 'node:assert/strict';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

const KILLS = 20;
const BURST = 15; // messages at each; a page keeps 500 lines, so all of them can be seen at the end

// mulberry32: small, and the same everywhere
function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

// A program in a page of its own that publishes with the client and notes what is acknowledged. It
// hardly waits between attempts to connect, so that there is always something to be lost.
async function startPublisher(page) {
  await page.evaluate(async () => {
    const { connect } = await import('/channel.js');
    const channel = connect(null, { environment: { random: () => 0 } });
    const publisher = { acknowledged: [], failed: [], sent: 0, unanswered: 0 };
    const publish = async () => {
      const text = `published ${++publisher.sent}`;
      try {
        const { epoch, offset } = await channel.send('123', text);
        publisher.acknowledged.push({ text, epoch, offset });
      } catch (error) {
        publisher.failed.push(`${text}: ${error}`);
      }
      publisher.unanswered--;
    };
    publisher.burst = (count) => {
      publisher.unanswered += count;
      for (let i = 0; i < count; i++) setTimeout(publish, 10 * i);
    };
    window.publisher = publisher;
  });
}

const published = (page) =>
  page.evaluate(() => {
    const { acknowledged, failed, sent, unanswered } = window.publisher;
    return { acknowledged, failed, sent, unanswered };
  });

scenario(
  'through 20 kills of edges and one of the service, nothing is lost in silence or shown twice',
  { timeoutMs: 150_000 },
  async ({ system, open, openOnDifferentEdges, t }) => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
    t.diagnostic(`SEED=${seed}`);
    const random = randomNumbers(seed);
    const pick = (list) => list[Math.floor(random() * list.length)];

    const pages = await openOnDifferentEdges('123');
    const program = await open();
    await startPublisher(program.page);
    const acknowledgedCount = async () => (await published(program.page)).acknowledged.length;
    const typed = [];
    const serviceKill = 5 + Math.floor(random() * 10);
    for (let kill = 0; kill < KILLS; kill++) {
      const before = await acknowledgedCount();
      await program.page.evaluate((count) => window.publisher.burst(count), BURST);
      for (const [i, chat] of pages.entries()) {
        if (random() < 0.5) continue;
        typed.push(`typed ${kill} by page ${i + 1}`);
        await chat.send(typed.at(-1));
      }
      // In the middle of the burst, wherever that is; what the kill meets is the next one's, too.
      const some = Math.floor(random() * BURST);
      await until(`${some} answers`, async () => (await acknowledgedCount()) >= before + some);
      const victims = [pick(system.edges)];
      if (kill === serviceKill) victims.push(system.service);
      for (const victim of victims) await victim.kill();
      for (const victim of victims) await victim.start();
      // Sometimes the next one comes before the pages are back.
      if (random() < 0.7) for (const chat of pages) await chat.reconnected();
    }

    await until('all answers', async () => (await published(program.page)).unanswered === 0);
    const { acknowledged, failed, sent } = await published(program.page);
    assert.deepEqual(failed, []);
    assert.equal(sent, KILLS * BURST);

    for (const [i, chat] of pages.entries()) {
      await chat.reconnected();
      await until(`page ${i + 1} to have its own back`, async () => {
        return (await chat.pending()).length === 0;
      });
      const counters = await chat.counters();
      const { gapList } = counters;
      t.diagnostic(`page ${i + 1}: ${JSON.stringify(counters)}, edges ${chat.handshakes.length}`);
      // Lost with the memory of the service: all of the old epoch after `after`.
      const lost = ({ epoch, offset }) =>
        gapList.some((gap) => gap.epoch !== epoch && offset > gap.after);
      const expected = acknowledged.filter((message) => !lost(message)).map(({ text }) => text);
      await until(`page ${i + 1} to show what was acknowledged`, async () => {
        const shown = new Set(await chat.messages());
        return expected.every((text) => shown.has(text));
      });
      const shown = await chat.messages();
      assert.deepEqual(
        shown.filter((text, at) => shown.indexOf(text) !== at),
        [],
        'nothing twice',
      );
      const own = typed.filter((text) => text.endsWith(`page ${i + 1}`));
      assert.deepEqual(
        own.filter((text) => !shown.includes(text)),
        [],
        'all that was typed here is in its place',
      );
      assert.equal(counters.missed, 0);
      assert.equal(counters.holes, 0);
      assert.ok(counters.reconnects > 0, 'it was hit');
      assert.deepEqual(
        gapList.map(({ reason }) => reason),
        ['epoch'],
      );
      assert.ok(expected.length > acknowledged.length / 2, 'there was something to see');
    }
    t.diagnostic(`${acknowledged.length} acknowledged, ${typed.length} typed`);
    for (const edge of system.edges) {
      assert.equal(await edge.metric('channel_edge_unannounced_positions_total'), 0);
    }
  },
);
