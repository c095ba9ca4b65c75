// Processes die; the page comes back by itself and says what it knows.

import assert from 'node:assert/strict';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

scenario(
  'the service is killed and started again, and no page loses its connection',
  {},
  async ({ system, openOnDifferentEdges }) => {
    const [first, second] = await openOnDifferentEdges('123');
    await first.send('before');
    await second.waitForMessages(1);
    // What is not acknowledged when the service dies is sent again, and the memory engine has
    // forgotten what it had: it may be seen twice. This test is about what was acknowledged.
    await until('the acknowledgement', async () => {
      const accepted = await system.edge(first.edge).metric('channel_edge_publications_total');
      return accepted === 1;
    });
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
  },
);

scenario(
  'a message that the service cannot take is reported, and can be sent again',
  { edges: 1, edgeFlags: ['--publish_timeout=500ms'] },
  async ({ system, open }) => {
    const chat = await open('?group=123');
    await chat.connected();
    await system.service.kill();
    await chat.send('keep this');
    await chat.waitForNote('error', /unavailable/);
    assert.deepEqual(await chat.messages(), []);
    assert.deepEqual(await chat.pending(), ['keep this']);

    await system.service.start();
    await system.edgesReady();
    await chat.page.getByRole('button', { name: 'Send again' }).click();
    assert.deepEqual(await chat.waitForMessages(1), ['keep this']);
    assert.deepEqual(await chat.pending(), []);
    assert.deepEqual(chat.problems, []);
  },
);

scenario(
  'the edge of a page is killed, and the page goes to another one',
  {},
  async ({ system, openOnDifferentEdges }) => {
    const [first, second] = await openOnDifferentEdges('123');
    const lost = system.edge(first.edge);
    await lost.kill();
    await first.waitForNote('info', /^Connection lost/);
    await first.waitForNote('info', /^Connected again/);
    await first.connected();
    assert.equal(first.edge, second.edge);
    assert.notEqual(first.edge, lost.name);
    await second.send('are you there?');
    await first.waitForMessages(1);
    await first.send('yes');
    assert.deepEqual(await second.waitForMessages(2), ['are you there?', 'yes']);
    assert.deepEqual(await first.messages(), ['are you there?', 'yes']);
  },
);

scenario(
  'the only edge is killed, and the page returns when it is back',
  { edges: 1 },
  async ({ system, open }) => {
    const chat = await open('?group=123,tea');
    await chat.connected();
    await system.edges[0].kill();
    await chat.waitForState('Reconnecting…');
    await chat.page.getByRole('button', { name: 'Connect now' }).waitFor();
    assert.equal(
      await chat.page.getByRole('button', { name: 'Send', exact: true }).isDisabled(),
      true,
    );
    await chat.send('kept in the field');
    assert.equal(
      await chat.page.getByLabel('Message', { exact: true }).inputValue(),
      'kept in the field',
    );

    await system.edges[0].start();
    await system.edgesReady();
    await chat.connected();
    await chat.page.getByRole('button', { name: 'Send', exact: true }).click();
    assert.deepEqual(await chat.waitForMessages(1), ['kept in the field']);
    await chat.show('tea');
    await chat.connected();
    await chat.send('and in the other group');
    assert.deepEqual(await chat.waitForMessages(1), ['and in the other group']);
  },
);

scenario(
  'an edge that is asked to stop hands its pages over',
  {},
  async ({ system, openOnDifferentEdges }) => {
    const [first, second] = await openOnDifferentEdges('123');
    const stopped = system.edge(first.edge);
    assert.equal(await stopped.stop(), 0);
    stopped.killed = true; // it is gone
    await first.waitForNote('info', /\(4001\)/);
    await first.waitForNote('info', /^Connected again/);
    assert.equal(first.edge, second.edge);
    await second.send('welcome');
    assert.deepEqual(await first.waitForMessages(1), ['welcome']);
  },
);

scenario(
  'a message that a frozen edge does not take is marked, and confirmed when it thaws',
  { edges: 1 },
  async ({ system, open }) => {
    const chat = await open();
    await chat.page.clock.install();
    await chat.join('123');
    await chat.connected();
    system.edges[0].freeze();
    await chat.send('anyone?');
    await chat.page.locator('.message.pending').waitFor();
    assert.equal(await chat.page.getByText('Not confirmed.').count(), 0, 'it is given some time');
    await chat.page.clock.fastForward(16_000);
    await chat.page.getByText('Not confirmed.').waitFor();

    system.edges[0].thaw();
    assert.deepEqual(await chat.waitForMessages(1), ['anyone?']);
    assert.equal(await chat.page.getByText('Not confirmed.').count(), 0);
    assert.deepEqual(chat.problems, []);
  },
);
