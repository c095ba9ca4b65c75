// Each thing that people need of a proxy in front of the edges, with each configuration of deploy/proxies in a
// real proxy, and for the page in a real Chromium.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launchChromium } from '../browser/support/chat_page.mjs';
import { until } from '../browser/support/wait.mjs';
import { SITE } from './support/certificate.mjs';
import { Deployment } from './support/deployment.mjs';
import { allProxies } from './support/proxies.mjs';

const TEST_TIMEOUT_MS = 60_000;
const START_TIMEOUT_MS = 120_000;
const PINGS = 4; // of an edge: one every 25 s, so the last comes 75 s after the first
const IDLE_TIMEOUT_MS = 120_000;
const CLIENT = '127.0.0.7'; // an address of this machine, and not that of the proxy
const FORGED = {
  Forwarded: 'for=203.0.113.9;host=evil.example;proto=http',
  'X-Forwarded-For': '203.0.113.9',
  'X-Forwarded-Host': 'evil.example',
  'X-Forwarded-Proto': 'http',
};

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'channel-proxies-'));
const deployments = [];
const idle = []; // {name, group, client}: WebSockets that nobody uses
let browser;

for (const proxy of allProxies()) {
  const missing = await proxy.missing();
  if (missing) {
    test(`${proxy.name}: its configuration works`, { skip: missing }, () => {});
  } else {
    deployments.push(new Deployment(proxy));
  }
}

before(
  async () => {
    fs.chmodSync(directory, 0o755);
    // The certificate is ours. With Playwright's ignoreHTTPSErrors each request is begun again after
    // it was refused, and some fail with ERR_TOO_MANY_RETRIES.
    browser = await launchChromium([
      `--host-resolver-rules=MAP ${SITE} 127.0.0.1`,
      '--ignore-certificate-errors',
    ]);
    for (const deployment of deployments) {
      const { name, paths } = deployment.proxy;
      await deployment.start(path.join(directory, name));
      for (const at of paths) {
        const client = await deployment.connect(at);
        await client.join(`idle ${at}`);
        idle.push({ name, group: `idle ${at}`, client });
      }
    }
  },
  { timeout: START_TIMEOUT_MS },
);

after(async () => {
  const bad = [];
  for (const deployment of deployments) bad.push(...(await deployment.stop()));
  await browser?.close();
  if (!process.env.KEEP_FILES) fs.rmSync(directory, { recursive: true });
  assert.deepEqual(bad, [], 'processes that did not end with 0');
});

// One test for each proxy that has what it is about.
function each(name, body, having = () => true) {
  for (const deployment of deployments.filter(({ proxy }) => having(proxy))) {
    const { proxy } = deployment;
    test(`${proxy.name}: ${name}`, { timeout: TEST_TIMEOUT_MS }, async (t) => {
      try {
        await body(deployment, proxy);
      } catch (error) {
        t.diagnostic(deployment.logTails());
        throw error;
      }
    });
  }
}

each('two people chat on the page, at each path', async (deployment, { paths }) => {
  for (const at of paths) {
    const pages = [];
    for (let i = 0; i < 2; i++) {
      pages.push(await deployment.openPage(browser, `${at}?group=page`));
      await pages[i].connected();
      await pages[i].send(`hello at ${at} from ${i}`);
    }
    const said = [0, 1].map((i) => `hello at ${at} from ${i}`);
    for (const page of pages) {
      await until('both messages', async () => {
        const messages = await page.messages();
        return said.every((text) => messages.includes(text));
      });
      assert.deepEqual(page.problems, []);
      const below = deployment.url(at);
      const elsewhere = page.requests.filter((url) => !url.startsWith(below));
      assert.deepEqual(elsewhere, [], 'requests that are not below the path');
      assert.deepEqual([...new Set(page.sockets)], [below.replace('https', 'wss')]);
    }
    // A page of another path that imports the client gets the client's edge.
    const other = await deployment.openPage(browser, '/?group=page');
    await other.page.evaluate(async (url) => {
      const { connect } = await import(url);
      await connect().send('page', 'by the client alone');
    }, deployment.url(`${at}channel.js`));
    await until('its message', async () => (await pages[0].messages()).includes('by the client alone'));
    assert.ok(other.sockets.includes(deployment.url(at).replace('https', 'wss')));
  }
});

each('channel.js comes through as it is, at each path', async (deployment, { paths }) => {
  const source = new URL('../../ws_edge/web/channel.js', import.meta.url);
  for (const at of paths) {
    const { status, headers, text } = await deployment.get(`${at}channel.js`);
    assert.deepEqual([status, headers['x-channel-edge']], [200, 'edge-1']);
    assert.match(headers['content-type'], /^text\/javascript/);
    assert.equal(text, fs.readFileSync(source, 'utf8'));
  }
});

each('a large message comes through both ways, at each path', async (deployment, { paths }) => {
  for (const at of paths) {
    const client = await deployment.connect(at);
    await client.join('large');
    await client.echo('large', 'x'.repeat(60_000));
    client.close();
  }
});

each('plain http goes to https, path and query included', async (deployment) => {
  for (const at of ['/', '/chat/?group=1']) {
    const { status, headers } = await deployment.getPlain(at);
    assert.ok([301, 308].includes(status), `for good, not ${status}`);
    // Some name the port, which is not 443 here.
    const location = headers.location.replace(`:${deployment.proxy.httpsPort}`, '');
    assert.equal(location, `https://${SITE}${at}`);
  }
});

each(
  'the sub-path without its slash goes to the one with it, query included',
  async (deployment) => {
    const { status, headers } = await deployment.get('/chat?group=1');
    assert.equal(status, 301);
    const location = new URL(headers.location, deployment.url('/chat'));
    assert.equal(location.href, deployment.url('/chat/?group=1'));
  },
  ({ paths }) => paths.includes('/chat/'),
);

each(
  'the page comes in HTTP/2',
  async (deployment, { paths }) => {
    for (const at of paths) assert.deepEqual(await deployment.getInHttp2(at), ['h2', 200]);
  },
  ({ protocols }) => protocols.includes('h2'),
);

each('the edge sees the address of the client', async (deployment, { paths, hosts }) => {
  for (const at of paths) {
    const client = await deployment.connect(at, { localAddress: CLIENT });
    await client.join('addresses');
    assert.ok((await deployment.addresses()).includes(CLIENT), `through ${at}`);
    client.close();
    await until('the edge to notice', async () => !(await deployment.addresses()).includes(CLIENT));
  }
  for (const host of hosts) {
    const client = await deployment.connect('/', { host });
    await client.join('addresses');
    assert.ok((await deployment.addresses()).includes(host), `from ${host}`);
    client.close();
  }
});

each('what a client claims about itself is not believed', async (deployment) => {
  const client = await deployment.connect('/', { localAddress: CLIENT, headers: FORGED });
  await client.join('forged');
  const addresses = await deployment.addresses();
  assert.ok(addresses.includes(CLIENT), `${addresses}`);
  assert.ok(!addresses.includes(FORGED['X-Forwarded-For']), `${addresses}`);
  client.close();
});

each('pages of other sites are refused', async (deployment) => {
  const headers = { Origin: 'https://evil.example', 'X-Forwarded-Host': 'evil.example' };
  const client = await deployment.connect('/', { localAddress: CLIENT, headers });
  await until('the edge to close', () => client.end);
  assert.equal(client.end, 'closed with 4507');
});

each('an edge that is not ready gets no new clients and keeps its own', async (deployment) => {
  const { service } = deployment.system;
  const client = await deployment.connect('/');
  await client.join('health');
  // The status, or what happened instead of an answer.
  const get = async (at) => (await deployment.get(at).catch(String)).status;
  assert.equal(await get('/readyz'), 200);
  await service.kill();
  try {
    await until('/readyz not to say that all is well', async () => (await get('/readyz')) !== 200);
    if (deployment.proxy.checksHealth) {
      await until('the proxy to notice', async () => (await get('/')) !== 200);
    } else {
      assert.equal(await get('/'), 200);
    }
  } finally {
    await service.start();
  }
  await until('new clients to be let in', async () => {
    return (await get('/readyz')) === 200 && (await get('/')) === 200;
  });
  await client.echo('health', 'still here');
});

test('a WebSocket lives for 75 s without a message', { timeout: IDLE_TIMEOUT_MS }, async () => {
  const isOver = ({ client }) => client.end || client.pings >= PINGS;
  await until('four pings for each', () => idle.every(isOver), IDLE_TIMEOUT_MS);
  const disturbed = idle.filter(({ client }) => client.end || client.texts.length > 0);
  const describe = ({ name, group, client }) => [name, group, client.end, client.texts];
  assert.deepEqual(disturbed.map(describe), []);
  for (const { group, client } of idle) await client.echo(group, 'still here');
});

each('open WebSockets stay when the proxy is reloaded', async (deployment, proxy) => {
  const page = await deployment.openPage(browser, '/?group=reload');
  await page.connected();
  const clients = [];
  for (const at of proxy.paths) clients.push(await deployment.connect(at));
  for (const client of clients) await client.join('reload');
  for (const round of [1, 2]) {
    await proxy.reload();
    clients.push(await deployment.connect('/'));
    await clients.at(-1).join('reload');
    for (const client of clients) await client.echo('reload', `round ${round}`);
    await page.send(`page ${round}`);
    await clients.at(-1).hears(`page ${round}`);
  }
  assert.equal(page.handshakes.length, 1);
});

// Looks like another edge, and answers everything with a status.
async function playEdge(status) {
  const edge = net.createServer((socket) => {
    socket.once('error', () => {});
    socket.once('data', () => socket.end(`HTTP/1.0 ${status}\r\nContent-Length: 0\r\n\r\n`));
  });
  edge.listen(0, '127.0.0.1');
  await once(edge, 'listening');
  edge.unref(); // a test that fails leaves it open
  return edge;
}

async function connectOften(deployment) {
  for (let i = 0; i < 6; i++) await (await deployment.connect('/')).join('often');
}

each(
  'an edge that is full costs no connection',
  async (deployment, proxy) => {
    const edge = await playEdge('503 Service Unavailable');
    await proxy.reloadWithEdges(edge.address().port);
    await connectOften(deployment);
    edge.close();
  },
  ({ sparesFull }) => sparesFull,
);

each('an edge that is gone unnoticed costs no connection', async (deployment, proxy) => {
  const edge = await playEdge('200 OK');
  const isAsked = proxy.checksHealth ? once(edge, 'connection') : undefined;
  await proxy.reloadWithEdges(edge.address().port);
  await isAsked;
  edge.close();
  await connectOften(deployment);
});
