// A proxy with a channel service and an edge of its own, and clients that come through the proxy.

import fs from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import path from 'node:path';
import { ChatPage } from '../../browser/support/chat_page.mjs';
import { System } from '../../browser/support/system.mjs';
import { DEADLINE_MS } from '../../browser/support/wait.mjs';
import { makeCertificate, SITE } from './certificate.mjs';
import { WebSocketClient } from './websocket.mjs';

// The answer to a GET in HTTP/1.1. client: http or https
function get(client, options) {
  return new Promise((resolve, reject) => {
    const request = client.get({ ...options, agent: false, timeout: DEADLINE_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => (text += piece));
      response.once('error', reject);
      response.once('end', () => {
        resolve({ status: response.statusCode, headers: response.headers, text });
      });
    });
    request.once('error', reject);
    request.once('timeout', () => request.destroy(new Error('no answer in time')));
  });
}

export class Deployment {
  #clients = [];
  #pages = [];

  constructor(proxy) {
    this.proxy = proxy;
  }

  // directory: to be made, for all files
  async start(directory) {
    fs.mkdirSync(directory, { mode: 0o755 }); // proxies that drop their rights look for files here
    this.certificate = await makeCertificate(directory);
    await this.proxy.reservePorts();
    this.site = `${SITE}:${this.proxy.httpsPort}`;
    const { edgeFlags } = this.proxy;
    this.system = await System.start(directory, { edges: 1, edgeFlags });
    await this.proxy.start(directory, this.system.port);
  }

  // Returns what did not end with 0.
  async stop() {
    this.#clients.forEach((client) => client.close());
    for (const page of this.#pages) await page.close();
    await this.proxy.stop();
    return (await this.system?.stop()) ?? [];
  }

  logTails() {
    return `${this.proxy.logTail()}\n${this.system.stderrTails()}`;
  }

  // The URL at which a browser finds a path.
  url(at) {
    return `https://${this.site}${at}`;
  }

  get(at) {
    return get(https, { ...this.#target(), path: at, headers: { Host: this.site } });
  }

  // Without TLS, as someone who types the name.
  getPlain(at) {
    const target = { host: '127.0.0.1', port: this.proxy.httpPort };
    return get(http, { ...target, path: at, headers: { Host: SITE } });
  }

  // Returns the protocol that was agreed on for a GET in HTTP/2, and the status of the answer.
  async getInHttp2(at) {
    const session = http2.connect(this.url(at), this.#target());
    try {
      return await new Promise((resolve, reject) => {
        session.once('error', reject);
        const request = session.request({ ':path': at });
        request.setTimeout(DEADLINE_MS, () => reject(new Error('no answer in time')));
        request.once('error', reject);
        request.once('response', (headers) => resolve([session.alpnProtocol, headers[':status']]));
      });
    } finally {
      session.destroy();
    }
  }

  // A WebSocket, opened as a page of the site does it. options: host (an address of the proxy),
  // localAddress (the client's), headers
  async connect(at, { headers, ...options } = {}) {
    const client = await WebSocketClient.open({
      ...this.#target(),
      ...options,
      path: at,
      headers: { Host: this.site, Origin: `https://${this.site}`, ...headers },
    });
    this.#clients.push(client);
    return client;
  }

  async openPage(browser, at) {
    const page = await ChatPage.open(browser, this.url(at));
    this.#pages.push(page);
    return page;
  }

  // The addresses of all clients, as the edge knows them, without ports.
  async addresses() {
    const { text } = await this.system.edges[0].get('/connections');
    const addresses = text.split('\n').map((line) => line.split(' ')[1] ?? '');
    return addresses.map((address) => address.replace(/^\[(.*)\]:\d+$|^([^:]+):\d+$/, '$1$2'));
  }

  #target() {
    const port = this.proxy.httpsPort;
    return { host: '127.0.0.1', port, servername: SITE, ca: this.certificate };
  }
}
