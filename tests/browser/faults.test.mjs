// Processes die; the page comes back by itself and says what it knows. What else may happen to its
// connection: page_state.test.mjs, page.test.mjs, and client_*.test.mjs with a clock that a test moves.

import assert from 'node:assert/strict';
import { scenario } from './support/scenario.mjs';

scenario(
  'the service is killed and started again, and no page loses its connection',
  {},
  async ({ system, openOnDifferentEdges }) => {
    const [first, second] = await openOnDifferentEdges('123');
    await first.send('before');
    await second.waitForMessages(1);
    const handshakes = [first.handshakes.length, second.handshakes.length];

    await system.service.kill();
    await first.send('while it is away');
    await first.page.locator('.message.pending').waitFor();
    await system.service.start();
    await system.edgesReady();
    await second.waitForMessages(2);
    await second.send('after');
    const expected = ['before', 'while it is away', 'after'];
    assert.deepEqual(await first.waitForMessages(3), expected);
    assert.deepEqual(await second.waitForMessages(3), expected);
    assert.deepEqual(
      [first.handshakes.length, second.handshakes.length],
      handshakes,
      'no WebSocket was closed',
    );
    assert.deepEqual(await first.pending(), []);
    for (const chat of [first, second]) {
      // Nobody can know whether more than that was lost, so it is said.
      await chat.waitForNote('error', /may be missing here: the server was started again/);
      const { missed, gapList } = await chat.counters();
      assert.equal(missed, 0);
      assert.deepEqual(
        gapList.map(({ reason }) => reason),
        ['epoch'],
      );
    }
  },
);

scenario(
  'the edge of a page is killed: it goes to another one and gets what it missed',
  {},
  async ({ system, openOnDifferentEdges }) => {
    const [first, second] = await openOnDifferentEdges('123');
    await second.send('before');
    await first.waitForMessages(1);
    const lost = system.edge(first.edge);
    await lost.kill();
    await first.waitForState('Reconnecting…');
    await second.send('are you there?');
    await first.waitForNote('info', /^Connected again after \d+ s\. Nothing was missed\.$/);
    await first.connected();
    assert.equal(first.edge, second.edge);
    assert.notEqual(first.edge, lost.name);
    await first.send('yes');
    const expected = ['before', 'are you there?', 'yes'];
    assert.deepEqual(await second.waitForMessages(3), expected);
    assert.deepEqual(await first.waitForMessages(3), expected);
    assert.deepEqual(await first.notes('error'), []);
    const { missed, holes, gaps, reconnects } = await first.counters();
    assert.deepEqual([missed, holes, gaps, reconnects], [0, 0, 0, 1]);
  },
);
