// The snippet that people know, typed unchanged into the console of a browser.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

// Its address is ws://127.0.0.1:1234. The browser of this test goes to the test's own system instead,
// so it does not matter which program has port 1234 of this machine.
const SNIPPET = fs.readFileSync(new URL('seed_snippet.txt', import.meta.url), 'utf8');

scenario(
  'the snippet, typed into the console of the chat page, prints its message',
  { address: '127.0.0.1:1234' },
  async ({ system, open }) => {
    const chat = await open();
    await until('the page to have its own connection', () => chat.handshakes.length > 0);
    // As the console of the developer tools evaluates what is typed.
    const type = async (expression) => {
      const { exceptionDetails } = await chat.devtools.send('Runtime.evaluate', {
        expression,
        replMode: true,
        userGesture: true,
        includeCommandLineAPI: true,
      });
      assert.equal(exceptionDetails, undefined);
    };
    await type(SNIPPET);
    await until('the first line on the console', () => chat.consoleTexts.length > 0);
    // A second message arrives after the first: nothing else came between them, nothing came twice.
    await type(`ws.send('{"cmd":"send_to_group", "group_id":123, "message":"that was all"}')`);
    await until('the last line on the console', () => chat.consoleTexts.at(-1) === 'that was all');
    assert.deepEqual(chat.consoleTexts, ['Bu bir mesajdır', 'that was all']);
    assert.deepEqual(chat.problems, []);
    // The page's connection and the snippet's are both with this system.
    let sessions = 0;
    for (const edge of system.edges) sessions += await edge.metric('channel_edge_sessions');
    assert.equal(sessions, 2);
  },
);
