// The chat page in a real Chromium. Tests use it as a person does: by its fields and buttons.

import { chromium } from 'playwright-core';
import { DEADLINE_MS, until } from './wait.mjs';

// extraFlags: more flags of Chromium
export function launchChromium(extraFlags = []) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    timeout: 30_000,
    chromiumSandbox: false, // Chromium has none as root
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // A test's pages of another host may ask 127.0.0.1 without a prompt.
      '--disable-features=LocalNetworkAccessChecks',
      ...extraFlags,
    ],
  });
}

export class ChatPage {
  problems = []; // console errors, uncaught exceptions, violations of the security policy
  consoleTexts = []; // printed on the console
  handshakes = []; // names of the edges that answered this page's WebSockets, oldest first
  requests = []; // addresses asked for over HTTP
  sockets = []; // addresses of WebSockets

  // Each page has a context of its own: its own storage, and a window that counts as visible.
  static async open(browser, url, contextOptions = {}) {
    const chat = new ChatPage();
    chat.context = await browser.newContext({ locale: 'en-GB', ...contextOptions });
    chat.context.setDefaultTimeout(DEADLINE_MS);
    const page = await chat.context.newPage();
    chat.page = page;
    page.on('console', (message) => {
      chat.consoleTexts.push(message.text());
      if (message.type() === 'error') chat.problems.push(message.text());
    });
    page.on('pageerror', (error) => chat.problems.push(String(error)));
    page.on('request', (request) => chat.requests.push(request.url()));
    page.on('websocket', (socket) => chat.sockets.push(socket.url()));
    await page.exposeFunction('reportViolation', (text) => chat.problems.push(text));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        window.reportViolation(`policy ${event.effectiveDirective} blocked ${event.blockedURI}`);
      });
    });
    chat.devtools = await chat.context.newCDPSession(page);
    await chat.devtools.send('Network.enable');
    chat.devtools.on('Network.webSocketHandshakeResponseReceived', ({ response }) => {
      const header = Object.entries(response.headers).find(
        ([name]) => name.toLowerCase() === 'x-channel-edge',
      );
      chat.handshakes.push(header?.[1] ?? '(no X-Channel-Edge header)');
    });
    await page.goto(url);
    return chat;
  }

  // The edge that this page is connected to.
  get edge() {
    return this.handshakes.at(-1);
  }

  // Stops the page's clock 5 s from now. It must be installed before, which alone lets it run on. Then
  // only runFor moves it, and nothing is rendered before that, since rendering takes a timer.
  async pauseClock() {
    await this.page.clock.pauseAt(await this.page.evaluate(() => Date.now() + 5000));
  }

  async join(ids) {
    await this.page.getByLabel('Group to join').fill(ids);
    await this.page.getByRole('button', { name: 'Join', exact: true }).click();
  }

  async show(id) {
    await this.page.locator('nav .name').getByText(id, { exact: true }).click();
  }

  // Types a message and presses Enter.
  async send(text) {
    const field = this.page.getByLabel('Message', { exact: true });
    await field.fill(text);
    await field.press('Enter');
  }

  async waitForState(text) {
    await this.page.locator('#chatState').getByText(text, { exact: true }).waitFor();
  }

  // The text about all groups; empty if there is none.
  banner() {
    return this.page.locator('#banner').textContent();
  }

  async waitForBanner(pattern) {
    await this.page.locator('#banner').getByText(pattern).waitFor();
    return this.banner();
  }

  async connected() {
    await this.waitForState('Connected');
  }

  // Waits until it is connected, and presses "Connect now" when that is offered.
  async reconnected() {
    const now = this.page.getByRole('button', { name: 'Connect now' });
    await until('the page to be connected', async () => {
      if (await now.isVisible()) await now.click({ timeout: 100 }).catch(() => {});
      return (await this.page.locator('#chatState').textContent()) === 'Connected';
    });
  }

  // The counters and gaps of the client: see channelCounters in page/main.js.
  counters() {
    return this.page.evaluate(() => window.channelCounters);
  }

  // The messages of the group on show that came from the server (they have its time), oldest first.
  messages() {
    return this.#texts('.message:has(time[datetime]) .text');
  }

  // Messages of this page that did not come back yet, acknowledged or not.
  pending() {
    return this.#texts('.message:not(:has(time[datetime])) .text');
  }

  #texts(selector) {
    return this.page.$$eval(`.log:not([hidden]) ${selector}`, (nodes) =>
      nodes.map((node) => node.textContent),
    );
  }

  async waitForMessages(count, deadlineMs = DEADLINE_MS) {
    await until(
      `${count} messages on the page`,
      async () => (await this.messages()).length >= count,
      deadlineMs,
    );
    return this.messages();
  }

  // The page's own lines: connection lost, an error from the server.
  notes(kind) {
    return this.#texts(`.note.${kind} p`);
  }

  async waitForNote(kind, pattern, deadlineMs = DEADLINE_MS) {
    return until(
      `a note like ${pattern}`,
      async () => (await this.notes(kind)).find((text) => pattern.test(text)),
      deadlineMs,
    );
  }

  // Groups in the list as {name, unread (text of the badge), current}.
  groups() {
    return this.page.$$eval('nav li button', (nodes) =>
      nodes.map((node) => ({
        name: node.querySelector('.name').textContent,
        unread: node.querySelector('.badge').textContent,
        current: node.getAttribute('aria-current') === 'true',
      })),
    );
  }

  async close() {
    await this.context.close();
  }
}
