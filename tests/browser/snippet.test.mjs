// The snippet that people know, typed unchanged into the console of a browser.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

// Its address is ws://127.0.0.1:1234, so this is the one test that needs a certain port.
const SNIPPET = fs.readFileSync(new URL('seed_snippet.txt', import.meta.url), 'utf8');

scenario(
  'the snippet, typed into the console of the chat page, prints its message',
  { port: 1234 },
  async ({ open }) => {
    const chat = await open();
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
    // What is sent after it arrives after it: nothing else came in between, nothing came twice.
    await type(`ws.send('{"cmd":"send_to_group", "group_id":123, "message":"that was all"}')`);
    await until('the last line on the console', () => chat.consoleTexts.at(-1) === 'that was all');
    assert.deepEqual(chat.consoleTexts, ['Bu bir mesajdır', 'that was all']);
    assert.deepEqual(chat.problems, []);
  },
);
