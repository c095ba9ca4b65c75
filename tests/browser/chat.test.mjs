// People talk through the chat page.

import assert from 'node:assert/strict';
import { scenario } from './support/scenario.mjs';
import { until } from './support/wait.mjs';

async function metrics(edge) {
  return [await edge.metric('channel_edge_groups'), await edge.metric('channel_edge_memberships')];
}

function waitForMetrics(edge, groups, memberships) {
  return until(`${edge.name} to hold ${groups} groups and ${memberships} memberships`, async () => {
    const now = await metrics(edge);
    return now[0] === groups && now[1] === memberships;
  });
}

scenario(
  'two pages on different edges see each other’s messages in one order',
  {},
  async ({ system, openOnDifferentEdges }) => {
    const [ayse, bob] = await openOnDifferentEdges('123');
    await ayse.page.getByLabel('Your name').fill('Ayşe');
    await ayse.send('Bu bir mesajdır: ığüşöç İĞÜŞÖÇ 👋');
    await bob.waitForMessages(1);
    assert.deepEqual(await bob.messages(), ['Ayşe: Bu bir mesajdır: ığüşöç İĞÜŞÖÇ 👋']);

    const talk = async (page, word) => {
      for (let i = 1; i <= 20; i++) await page.send(`${word} ${i}`);
    };
    await Promise.all([talk(ayse, 'from the first'), talk(bob, 'from the second')]);
    const seen = await Promise.all([ayse.waitForMessages(41), bob.waitForMessages(41)]);
    assert.deepEqual(seen[0], seen[1]);
    assert.equal(new Set(seen[0]).size, 41, 'nothing twice');
    for (const [i, page] of [ayse, bob].entries()) {
      assert.deepEqual(await page.pending(), [], `page ${i + 1}: all of its own came back`);
      assert.deepEqual(page.problems, []);
    }

    const [first, second] = [system.edge(ayse.edge), system.edge(bob.edge)];
    await waitForMetrics(first, 1, 1);
    await waitForMetrics(second, 1, 1);
    await ayse.close();
    await waitForMetrics(first, 0, 0);
    assert.deepEqual(await metrics(second), [1, 1], 'the page that is left keeps its group');
    await bob.close();
    await waitForMetrics(second, 0, 0);
  },
);

scenario(
  'a page holds several groups at a time and tells them apart',
  {},
  async ({ system, open }) => {
    const chat = await open('?group=123&group=tea,%20coffee');
    await chat.connected();
    const friend = await open('?group=tea');
    await friend.connected();
    await chat.connected();

    assert.deepEqual(
      (await chat.groups()).map(({ name }) => name),
      ['123', 'tea', 'coffee'],
    );
    assert.deepEqual(await chat.groups().then((all) => all.map(({ current }) => current)), [
      true,
      false,
      false,
    ]);
    await friend.send('only for tea');
    await until('an unread message of tea', async () => (await chat.groups())[1].unread === '1');
    assert.equal(await chat.page.title(), '(1) 123 · Channel');
    assert.deepEqual(await chat.messages(), [], 'nothing of it is in 123');
    await chat.send('only for 123');
    assert.deepEqual(await chat.waitForMessages(1), ['only for 123']);
    await chat.show('tea');
    assert.deepEqual(await chat.messages(), ['only for tea']);
    assert.deepEqual(
      (await chat.groups()).map(({ unread }) => unread),
      ['', '', ''],
    );
    assert.deepEqual(await friend.messages(), ['only for tea']);

    await chat.page.getByRole('button', { name: 'Leave' }).click();
    assert.deepEqual(
      (await chat.groups()).map(({ name }) => name),
      ['123', 'coffee'],
    );
    await chat.join('cake');
    await chat.connected();
    assert.equal(new URL(chat.page.url()).search, '?group=123&group=coffee&group=cake');
    await until('four memberships on all edges', async () => {
      const all = await Promise.all(
        system.edges.map((edge) => edge.metric('channel_edge_memberships')),
      );
      return all.reduce((sum, count) => sum + count) === 4; // three of this page, one of the friend
    });
    assert.equal(chat.handshakes.length, 1, 'one connection carries them all');
    assert.deepEqual(chat.problems, []);
  },
);

scenario('a page takes 128 groups and says so when one more is asked for', {}, async ({ open }) => {
  const ids = Array.from({ length: 129 }, (_, i) => `g${i + 1}`);
  const chat = await open(`?group=${ids.join()}`);
  const alert = await chat.page.getByRole('alert').textContent();
  assert.match(alert, /holds 128 groups at most.* “g129”/);
  assert.equal((await chat.groups()).length, 128);
  await chat.show('g128');
  await chat.connected();
  await chat.send('still fine');
  assert.deepEqual(await chat.waitForMessages(1), ['still fine']);
});

scenario('a reload keeps the groups, the name and what was said', {}, async ({ open }) => {
  const chat = await open('?group=a%26b&group=%C4%B0stanbul');
  await chat.page.getByLabel('Your name').fill('Ayşe');
  await chat.send('hello');
  await chat.waitForMessages(1);
  await chat.page.reload();
  await chat.connected();
  assert.deepEqual(
    (await chat.groups()).map(({ name }) => name),
    ['a&b', 'İstanbul'],
  );
  assert.deepEqual(await chat.waitForMessages(1), ['Ayşe: hello']);
  await chat.send('again');
  assert.deepEqual(await chat.waitForMessages(2), ['Ayşe: hello', 'Ayşe: again']);
});

scenario(
  'a later page shows the last 50 messages with their times, and they are no news',
  {},
  async ({ open }) => {
    const first = await open('?group=123');
    await first.connected();
    for (let i = 1; i <= 52; i++) await first.send(`line ${i}`);
    await first.waitForMessages(52);
    const times = (chat) =>
      chat.page.$$eval('.message time', (nodes) => nodes.map((node) => node.dateTime));
    const late = await open('?group=456,123');
    await until('the history', async () => (await times(late)).length === 50);
    await late.connected();
    assert.deepEqual(
      (await late.groups()).map(({ unread }) => unread),
      ['', ''],
    );
    await late.show('123');
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i + 3}`);
    assert.deepEqual(await late.messages(), lines);
    assert.deepEqual(await times(late), (await times(first)).slice(2), 'the service’s times');
    await late.show('456');
    await first.send('news');
    await until('an unread message', async () => (await late.groups())[1].unread === '1');
  },
);

scenario('an error from the server is shown to the person', {}, async ({ open }) => {
  const chat = await open(`?group=${'g'.repeat(256)}&group=fine`);
  await chat.waitForNote('error', /^This group cannot be joined: .*256 bytes/);
  await chat.waitForState('Not joined');
  await chat.page.getByRole('button', { name: 'Try again' }).click();
  await chat.waitForState('Not joined');
  await chat.show('fine');
  await chat.connected();
  await chat.send('the others go on');
  await chat.waitForMessages(1);
  assert.deepEqual(chat.problems, []);
});

scenario(
  'a message over the limit is not sent, says why, and can be edited',
  {},
  async ({ open }) => {
    const chat = await open('?group=123');
    await chat.connected();
    await chat.page.getByLabel('Your name').fill('Ayşe');
    await chat.send('x'.repeat(70_000));
    await chat.page.getByText(/^Not sent: .*65536/).waitFor();
    await chat.page.getByRole('button', { name: 'Edit' }).click();
    const field = chat.page.getByLabel('Message', { exact: true });
    assert.equal((await field.inputValue()).length, 70_000, 'without the name');
    await chat.send('shorter');
    assert.deepEqual(await chat.waitForMessages(1), ['Ayşe: shorter']);
    assert.deepEqual(await chat.pending(), []);
    await chat.connected();
    assert.equal(chat.handshakes.length, 1, 'the connection was not lost');
  },
);

scenario(
  'markup in messages, names and groups is shown as text and never runs',
  {},
  async ({ open }) => {
    const evil = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>';
    const chat = await open(`?group=${encodeURIComponent(evil)}`);
    const friend = await open(`?group=${encodeURIComponent(evil)}`);
    await chat.connected();
    await friend.connected();
    await chat.page.getByLabel('Your name').fill('<b onclick=1>x</b>');
    await chat.send(evil);
    for (const page of [chat, friend]) {
      assert.deepEqual(await page.waitForMessages(1), [`<b onclick=1>x</b>: ${evil}`]);
      assert.equal(await page.page.locator('#chatName').textContent(), evil);
      assert.equal(await page.page.locator('img, main script, nav script, [onclick]').count(), 0);
      assert.equal(await page.page.evaluate(() => window.ran), undefined);
      assert.deepEqual(
        page.requests.filter((address) => /\/x$/.test(address)),
        [],
      );
      assert.deepEqual(page.problems, []);
    }
  },
);

scenario(
  'a flood of messages is cut to the newest, and a reader above is not moved',
  {},
  async ({ open }) => {
    const chat = await open('?group=123');
    await chat.connected();
    // 600 messages at once, from a connection of the page's own console.
    await chat.page.evaluate(() => {
      const socket = new WebSocket(`ws://${location.host}/`);
      socket.onopen = () => {
        for (let i = 1; i <= 600; i++) {
          socket.send(
            JSON.stringify({ cmd: 'send_to_group', group_id: '123', message: `line ${i}` }),
          );
        }
      };
      window.flood = socket;
    });
    await until('the last line', async () => (await chat.messages()).at(-1) === 'line 600');
    const lines = await chat.messages();
    assert.equal(lines.length, 500);
    assert.deepEqual(
      lines,
      Array.from({ length: 500 }, (_, i) => `line ${i + 101}`),
      'in order',
    );

    const log = chat.page.locator('.log:not([hidden])');
    const distanceFromEnd = () =>
      log.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight);
    await until('the page to follow', async () => (await distanceFromEnd()) < 2);
    // The reader goes up in a frame in which nothing arrives, and the page has noticed it.
    await log.evaluate(async (node) => {
      const frame = () => new Promise(requestAnimationFrame);
      await frame();
      await frame();
      const scrolled = new Promise((done) => node.addEventListener('scroll', done, { once: true }));
      node.scrollTop = node.scrollHeight / 2;
      await scrolled;
    });
    assert.ok((await distanceFromEnd()) > 1000);
    const newest = chat.page.getByRole('button', { name: 'New messages' });
    await chat.page.evaluate(() =>
      window.flood.send('{"cmd":"send_to_group","group_id":"123","message":"one more"}'),
    );
    await newest.waitFor();
    assert.ok((await distanceFromEnd()) > 1000, 'it stays where the reader is');
    await newest.click();
    await until('the end', async () => (await distanceFromEnd()) < 2);
    await newest.waitFor({ state: 'hidden' });
    assert.deepEqual(chat.problems, []);
  },
);
