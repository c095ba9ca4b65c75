// The client against real processes, where a fake could be wrong about them: an edge refuses a page
// of another host, and bytes.

import assert from 'node:assert/strict';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { scenario } from './support/scenario.mjs';

const WEB_DIR = fileURLToPath(new URL('../../ws_edge/web', import.meta.url));

scenario(
  'a page of another host learns why it is refused, and stops',
  { edges: 1 },
  async ({ system, open }) => {
    const chat = await open();
    // It brings the client along, as a bundle does.
    await chat.page.route('http://another.test/**', (route) => {
      const { pathname } = new URL(route.request().url());
      if (pathname !== '/') return route.fulfill({ path: path.join(WEB_DIR, pathname) });
      return route.fulfill({ contentType: 'text/html', body: '<title>another</title>' });
    });
    await chat.page.goto('http://another.test/');
    const [state, error] = await chat.page.evaluate(async (url) => {
      const { connect } = await import('/channel.js');
      const channel = connect(url);
      const next = (type) =>
        new Promise((resolve) => channel.addEventListener(type, resolve, { once: true }));
      const [stopped, failed] = await Promise.all([next('state'), next('error')]);
      const { code, reason } = stopped;
      return [{ state: stopped.state, code, reason }, failed.message];
    }, system.url.replace('http', 'ws'));
    assert.deepEqual([state.state, state.code], ['stopped', 4507]);
    assert.match(state.reason, /--allowed_origins/);
    assert.ok(error.includes(state.reason));
  },
);

scenario('bytes go from page to page as they are', {}, async ({ openOnDifferentEdges }) => {
  const [reader, writer] = await openOnDifferentEdges('123');
  const read = reader.page.evaluate(async () => {
    const { connect } = await import('/channel.js');
    const room = connect().join('bytes');
    const next = new Promise((resolve) => room.addEventListener('message', resolve));
    await room.joined;
    window.isReady = true;
    const { data } = await next;
    return [data instanceof Uint8Array, [...data]];
  });
  await reader.page.waitForFunction(() => window.isReady);
  const all = Array.from({ length: 256 }, (_, i) => i);
  await writer.page.evaluate(async (bytes) => {
    const { connect } = await import('/channel.js');
    const channel = connect();
    await channel.send('bytes', new Uint8Array(bytes));
    await channel.send('123', new Uint8Array(bytes).buffer);
  }, all);
  assert.deepEqual(await read, [true, all]);
  assert.deepEqual(await reader.waitForMessages(1), ['[256 bytes that are not text]']);
});
