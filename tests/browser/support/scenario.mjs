// A test with its own system, its own pages, and a clean end whatever happens.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { ChatPage, launchChromium } from './chat_page.mjs';
import { System } from './system.mjs';
import { until } from './wait.mjs';

const TEST_TIMEOUT_MS = 60_000;
const DIFFERENT_EDGE_TRIES_MAX = 60; // with two edges, the same one 60 times is a broken port

let sharedBrowser; // a promise
after(async () => (await sharedBrowser)?.close());

// options: as System.start, timeoutMs, and address: HOST:PORT at which a browser of this test alone
// finds the system, wherever it listens, so that no test needs a certain port of the machine
// body: ({system, open, openOnDifferentEdges, directory, t}) => Promise
export function scenario(name, options, body) {
  test(name, { timeout: options.timeoutMs ?? TEST_TIMEOUT_MS }, async (t) => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'channel-browser-'));
    const pages = [];
    const system = await System.start(directory, options);
    const browser = options.address
      ? await launchChromium([
          `--host-resolver-rules=MAP ${options.address} 127.0.0.1:${system.port}`,
        ])
      : await (sharedBrowser ??= launchChromium());
    const url = options.address ? `http://${options.address}/` : system.url;

    // address: what follows the page's URL, such as "?group=123"
    const open = async (address = '', contextOptions = {}) => {
      const page = await ChatPage.open(browser, url + address, contextOptions);
      pages.push(page);
      return page;
    };

    // Two pages in one group whose WebSockets ended up at different processes. The kernel chooses
    // the process for each connection, so the second page is loaded again until it has the other.
    const openOnDifferentEdges = async (group) => {
      const first = await open(`?group=${group}`);
      await first.connected();
      const second = await open(`?group=${group}`);
      await second.connected();
      for (let i = 0; second.edge === first.edge; i++) {
        assert.ok(i < DIFFERENT_EDGE_TRIES_MAX, `always the same edge: ${first.edge}`);
        const before = second.handshakes.length;
        await second.page.reload();
        await until('a new handshake', () => second.handshakes.length > before);
        await second.connected();
      }
      assert.ok(
        system.edge(first.edge) && system.edge(second.edge),
        `${first.edge}, ${second.edge}`,
      );
      return [first, second];
    };

    let failure;
    try {
      await body({ system, open, openOnDifferentEdges, directory, t });
    } catch (error) {
      failure = error;
      system
        .stderrTails()
        .split('\n')
        .forEach((line) => t.diagnostic(line));
      for (const [i, { page, problems, handshakes }] of pages.entries()) {
        const picture = path.join(directory, `page-${i + 1}.png`);
        await page.screenshot({ path: picture }).catch(() => {});
        t.diagnostic(
          `page ${i + 1}: ${picture}, edges ${handshakes}, problems ${JSON.stringify(problems)}`,
        );
      }
    }
    for (const page of pages) await page.close();
    if (options.address) await browser.close();
    const badExits = await system.stop();
    if (failure) throw failure;
    assert.deepEqual(badExits, [], `processes that did not end with 0\n${system.stderrTails()}`);
    if (!process.env.KEEP_FILES) fs.rmSync(directory, { recursive: true });
  });
}
