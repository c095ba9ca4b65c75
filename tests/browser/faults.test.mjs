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
  'a message that comes again after the service lost its memory is shown once, by its key',
  {},
  async ({ system, openOnDifferentEdges }) => {
    const [chat, program] = await openOnDifferentEdges('123');
    // As a client whose answer was lost with the service: the same message, the same key.
    const publish = (text) =>
      program.page.evaluate(async (message) => {
        const { connect } = await import('/channel.js');
        window.channel ??= connect();
        const { offset, duplicate } = await window.channel.send('123', message, { key: message });
        return { offset, duplicate };
      }, text);
    assert.deepEqual(await publish('one'), { offset: 1, duplicate: false });
    assert.deepEqual(await publish('one'), { offset: 1, duplicate: true });
    await chat.waitForMessages(1);
    await system.service.kill();
    await system.service.start();
    assert.deepEqual(await publish('one'), { offset: 1, duplicate: false }, 'it has forgotten');
    await publish('two');
    assert.deepEqual(await chat.waitForMessages(2), ['one', 'two']);
    const { duplicates, missed } = await chat.counters();
    assert.deepEqual([duplicates, missed], [1, 0]);
  },
);

scenario(
  'messages that the service cannot take yet wait until it can, in order',
  { edges: 1, edgeFlags: ['--publish_timeout=200ms'] },
  async ({ system, open }) => {
    const chat = await open('?group=123');
    await chat.connected();
    await system.service.kill();
    await chat.send('keep this'); // the edge gives it back, or it waits here already
    await chat.waitForState('Waiting for the service…');
    await chat.send('and this behind it');
    assert.deepEqual(await chat.messages(), []);
    assert.deepEqual(await chat.pending(), ['keep this', 'and this behind it']);

    await system.service.start();
    assert.deepEqual(await chat.waitForMessages(2), ['keep this', 'and this behind it']);
    assert.deepEqual(await chat.pending(), []);
    assert.deepEqual(chat.problems, []);
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

scenario(
  'the only edge is killed: what is written meanwhile is sent when it is back',
  { edges: 1 },
  async ({ system, open }) => {
    const chat = await open('?group=123,tea');
    await chat.connected();
    await system.edges[0].kill();
    await chat.waitForState('Reconnecting…');
    await chat.send('written meanwhile');
    await chat.page.locator('.message.pending').waitFor();
    assert.deepEqual(await chat.pending(), ['written meanwhile']);
    assert.deepEqual(await chat.messages(), []);

    await system.edges[0].start();
    await system.edgesReady();
    await chat.reconnected();
    assert.deepEqual(await chat.waitForMessages(1), ['written meanwhile']);
    assert.deepEqual(await chat.pending(), []);
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
    await first.waitForNote('info', /^Connected again/);
    assert.equal(first.edge, second.edge);
    await second.send('welcome');
    assert.deepEqual(await first.waitForMessages(1), ['welcome']);
  },
);

scenario(
  'a page leaves an edge that is frozen, and its message arrives once',
  {},
  async ({ system, open }) => {
    const chat = await open();
    await chat.page.clock.install(); // it has to wait for long
    await chat.join('123');
    await chat.connected();
    const frozen = system.edge(chat.edge);
    frozen.freeze();
    await chat.pauseClock();
    await chat.send('anyone?');
    await chat.page.clock.runFor(20_000);
    await chat.connected(); // it asked, and waits for the answer
    assert.equal(chat.handshakes.length, 1);
    // The kernel gives the frozen process its share of the attempts; each is given up after 10 s.
    // The clock goes in small steps, so that the other edge has the time to answer.
    const state = chat.page.locator('#chatState');
    const isMoved = async () =>
      chat.edge !== frozen.name && (await state.textContent()) === 'Connected';
    await until(
      'the other edge',
      async () => (await isMoved()) || (await chat.page.clock.runFor(500)),
      30_000,
    );
    await chat.page.clock.resume();
    // If the kernel chose the frozen one again and again, the time of the message is over by now.
    const again = chat.page.getByRole('button', { name: 'Send again' });
    if (await again.isVisible()) await again.click();
    assert.deepEqual(await chat.waitForMessages(1), ['anyone?']);
    const { length } = chat.handshakes;
    frozen.thaw(); // now it reads what was sent to it: the same key
    await chat.send('hello');
    assert.deepEqual(await chat.waitForMessages(2), ['anyone?', 'hello']);
    assert.equal(chat.handshakes.length, length);
    assert.deepEqual(await chat.pending(), []);
    assert.deepEqual(chat.problems, []);
  },
);

scenario(
  'a message that nobody confirms is marked, and shows itself or can be sent again',
  { edges: 1 },
  async ({ system, open }) => {
    const chat = await open();
    await chat.page.clock.install();
    await chat.join('123');
    await chat.connected();
    const [edge] = system.edges;
    const again = chat.page.getByRole('button', { name: 'Send again' });
    const sendUnconfirmed = async (text) => {
      edge.freeze();
      await chat.pauseClock();
      await chat.send(text);
      await chat.page.locator('.message.pending').waitFor();
      await chat.page.clock.runFor(59_000);
      assert.equal(await chat.page.getByText('Not confirmed').count(), 0, 'it is given some time');
      await chat.page.clock.runFor(1_000);
      await chat.page.clock.resume();
      await chat.page.getByText('Not confirmed, it may have arrived.').waitFor();
      assert.ok(await again.isDisabled(), 'it may be in the log, and that is not seen yet');
    };
    await sendUnconfirmed('arrived');
    edge.thaw(); // it reads what was sent to it
    await chat.reconnected();
    assert.deepEqual(await chat.waitForMessages(1), ['arrived']);
    assert.equal(await again.count(), 0);
    assert.deepEqual(chat.problems, []);

    await sendUnconfirmed('lost');
    await edge.kill();
    await edge.start();
    await system.edgesReady();
    await chat.reconnected();
    await again.click();
    assert.deepEqual(await chat.waitForMessages(2), ['arrived', 'lost']);
    assert.deepEqual(await chat.pending(), []);
    assert.equal(await chat.page.getByText('Not confirmed').count(), 0);
  },
);
