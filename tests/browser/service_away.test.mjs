// The channel service is killed or frozen behind a real edge: the pages tell it, and its return.

import assert from 'node:assert/strict';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

const AWAY = /has lost its message service/;
const NOTICE_MS = 40_000; // an edge gives a service that is silent some time

// Goes on when the page tells that the service is away.
function serviceIsAway(chat) {
  return until('the banner', async () => AWAY.test(await chat.banner()), NOTICE_MS);
}

for (const [word, lose, regain] of [
  ['killed', (service) => service.kill(), (service) => service.start()],
  ['frozen', (service) => service.freeze(), (service) => service.thaw()],
]) {
  scenario(
    `all pages tell that the service is ${word}, and that it is back`,
    { edges: 1, edgeFlags: ['--upstream_timeout=10m'], timeoutMs: 120_000 },
    async ({ system, open }) => {
      const chat = await open('?group=123');
      await chat.connected();
      await lose(system.service);
      await serviceIsAway(chat);
      await chat.waitForState('Waiting for the service…');
      const late = await open('?group=123'); // the edge serves it all the while
      await serviceIsAway(late);
      await chat.send('are you there?');
      await chat.page.locator('.message.pending').waitFor();
      await regain(system.service);
      for (const page of [chat, late]) {
        await until('the end of the banner', async () => (await page.banner()) === '', NOTICE_MS);
        await page.connected();
        assert.deepEqual((await page.waitForMessages(1)).slice(-1), ['are you there?']);
        assert.equal(page.handshakes.length, 1, 'no connection was lost');
      }
      assert.deepEqual(await chat.pending(), []);
    },
  );
}
