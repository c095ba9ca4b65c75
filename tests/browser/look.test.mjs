// How the page fits a phone and a desktop. Pictures go to SCREENSHOT_DIR, if that is set.

import assert from 'node:assert/strict';
import path from 'node:path';
import { scenario } from './support/scenario.mjs';

const PHONE = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};
const DESKTOP = { viewport: { width: 1200, height: 760 } };

async function picture(chat, name) {
  if (!process.env.SCREENSHOT_DIR) return;
  await chat.page.screenshot({
    path: path.join(process.env.SCREENSHOT_DIR, `${name}.png`),
    animations: 'disabled',
  });
}

// A talk that strains the layout: long words, line breaks, right-to-left text, many groups.
async function talk(open, options) {
  const chat = await open(
    '?group=123,tea,İstanbul,a-group-with-a-rather-long-name-that-does-not-fit,coffee',
    options,
  );
  const friend = await open('?group=123,tea');
  await chat.connected();
  await friend.connected();
  await friend.page.getByLabel('Your name').fill('Ayşe');
  await friend.send('Merhaba! Bu bir mesajdır 👋');
  await friend.send('https://example.org/' + 'a-very-long-path-without-a-space/'.repeat(5));
  await friend.send('مرحبا بالجميع');
  await friend.waitForMessages(3);
  await chat.waitForMessages(3);
  await chat.page.getByLabel('Your name').fill('Bob');
  await chat.send('first line\nsecond line');
  await chat.send('ok');
  await chat.waitForMessages(5);
  await friend.show('tea');
  await friend.send('The kettle is on.');
  await chat.page.locator('.badge').getByText('1', { exact: true }).waitFor();
  return chat;
}

// Nothing wider than the window, and every control in it and large enough for a finger.
async function assertFits(chat) {
  const { width, height } = chat.page.viewportSize();
  const measured = await chat.page.evaluate(() => ({
    scrollWidth: document.documentElement.scrollWidth,
    scrollHeight: document.documentElement.scrollHeight,
    sideways: [...document.querySelectorAll('body *')]
      .filter(
        (node) =>
          node.scrollLeft !== 0 ||
          (node.matches('.log, aside') && node.scrollWidth > node.clientWidth),
      )
      .map((node) => node.outerHTML.slice(0, 80)),
    controls: [...document.querySelectorAll('button, input, textarea')]
      .filter((node) => node.checkVisibility())
      .map((node) => ({
        what: node.id || node.textContent,
        box: node.getBoundingClientRect().toJSON(),
        // On a phone the groups are a row that the finger moves.
        inRow: innerWidth < 700 && node.closest('nav') !== null,
      })),
  }));
  assert.ok(
    measured.scrollWidth <= width,
    `no horizontal scroll: ${measured.scrollWidth} > ${width}`,
  );
  assert.ok(
    measured.scrollHeight <= height,
    `the page itself does not scroll: ${measured.scrollHeight} > ${height}`,
  );
  assert.deepEqual(measured.sideways, [], 'nothing is scrolled sideways');
  for (const { what, box, inRow } of measured.controls) {
    assert.ok(box.height >= 44, `${what} is ${box.height} px high`);
    assert.ok(inRow || (box.left >= 0 && box.right <= width), `${what} ends at ${box.right}`);
  }
  const field = await chat.page.getByLabel('Message', { exact: true }).boundingBox();
  assert.ok(
    field.y + field.height <= height && field.x >= 0 && field.x + field.width <= width,
    'the field is in reach',
  );
}

// In both colour schemes.
async function assertLooks(chat, name) {
  for (const colorScheme of ['light', 'dark']) {
    await chat.page.emulateMedia({ colorScheme });
    await assertFits(chat);
    await picture(chat, `${name}-${colorScheme}`);
  }
}

scenario('the page fits a phone', { edges: 1 }, async ({ system, open }) => {
  await picture(await open('', PHONE), 'phone-empty');
  const chat = await talk(open, PHONE);
  await assertLooks(chat, 'phone');
  await chat.page.getByLabel('Message', { exact: true }).tap();
  await chat.page.keyboard.type('typed by thumb');
  await chat.page.getByRole('button', { name: 'Send', exact: true }).tap();
  assert.equal((await chat.waitForMessages(6)).at(-1), 'Bob: typed by thumb');
  const focused = await chat.page.evaluate(() => document.activeElement.id);
  assert.equal(focused, 'text', 'the keyboard stays');

  await chat.page.setViewportSize({ width: 360, height: 400 }); // as with the keyboard open
  await assertLooks(chat, 'phone-keyboard');
  assert.deepEqual(chat.problems, []);

  await chat.page.setViewportSize(PHONE.viewport);
  await system.service.kill();
  await chat.send('into the void');
  await system.edges[0].kill();
  await chat.waitForState('Reconnecting…');
  await chat.page.locator('.message.pending').getByText('sending…').waitFor();
  await assertLooks(chat, 'phone-reconnecting');
});

scenario('the page fits a desktop', { edges: 1 }, async ({ system, open }) => {
  await picture(await open('', DESKTOP), 'desktop-empty');
  const chat = await talk(open, DESKTOP);
  await assertLooks(chat, 'desktop');
  await system.edges[0].kill();
  await chat.waitForState('Reconnecting…');
  await assertLooks(chat, 'desktop-reconnecting');
});

scenario(
  'the page is usable by keyboard alone, and its controls have names',
  { edges: 1 },
  async ({ open }) => {
    const chat = await open();
    const { page } = chat;
    await page.getByLabel('Group to join').focus();
    await page.keyboard.type('one,two');
    await page.keyboard.press('Enter');
    await chat.connected();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text', 'ready to type');
    await page.keyboard.type('line');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('break');
    await page.keyboard.press('Enter');
    assert.deepEqual(await chat.waitForMessages(1), ['line\nbreak']);
    await page.getByRole('button', { name: /^two/ }).focus();
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#chatName').textContent(), 'two');

    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll('button, input, textarea')]
        .filter((node) => !node.textContent.trim() && !node.labels?.length && !node.ariaLabel)
        .map((node) => node.outerHTML),
    );
    assert.deepEqual(nameless, []);
    assert.equal(
      await page.getByRole('log').count(),
      1,
      'arrivals are announced, of the group on show',
    );
    assert.equal(await page.getByRole('status').textContent(), 'Connected');
  },
);
