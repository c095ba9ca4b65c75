// A proxy that is started with its file of deploy/proxies. What is replaced in the file is what its
// reader replaces (certificate, edges), and addresses, because tests listen on loopback ones only.

import { spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../browser/support/ports.mjs';
import { DEADLINE_MS, until } from '../../browser/support/wait.mjs';
import { SITE } from './certificate.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const HAS_IPV6 = Object.values(os.networkInterfaces())
  .flat()
  .some(({ address }) => address === '::1');

// Debian has proxies where only root looks.
export const SEARCH_PATH = `${path.join(ROOT, 'build/tools')}:${process.env.PATH}:/usr/sbin`;

// Whatever ends the test run early must not leave processes behind.
const running = new Set();
process.once('exit', () => running.forEach((child) => child.kill('SIGTERM')));

async function accepts(port) {
  const socket = net.connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  }).finally(() => socket.destroy());
}

// Subclasses say where the proxies differ: see proxies.mjs.
export class Proxy {
  hosts = HAS_IPV6 ? ['127.0.0.1', '::1'] : ['127.0.0.1']; // it listens on these
  paths = ['/', '/chat/'];
  protocols = ['h2', 'http/1.1']; // of the page
  checksHealth = true; // edges that are not ready get no new clients
  sparesFull = false; // one that an edge has no place for goes to another

  // file: its name in deploy/proxies
  constructor(name, file) {
    this.name = name;
    this.file = path.join(ROOT, 'deploy/proxies', file);
  }

  // Says what this machine lacks for the proxy; nothing if it can be started.
  async missing() {
    return undefined;
  }

  async reservePorts() {
    this.httpPort = await freePort();
    this.httpsPort = await freePort();
  }

  // The flags that the edges are started with.
  get edgeFlags() {
    return [`--server_names=${SITE}`];
  }

  // directory: has the certificate, and gets the proxy's files; edge: the port of the edges
  async start(directory, edge) {
    this.directory = directory;
    this.edge = `127.0.0.1:${edge}`;
    this.log = path.join(directory, `${this.name}.log`);
    let text = fs.readFileSync(this.file, 'utf8');
    for (const [from, to] of [['127.0.0.1:1234', this.edge], ...this.replacements()]) {
      if (!text.includes(from)) throw new Error(`${this.file} has no "${from}" to replace`);
      text = text.replaceAll(from, to);
    }
    this.config = path.join(directory, path.basename(this.file));
    fs.writeFileSync(this.config, text);
    const log = fs.openSync(this.log, 'a');
    const [program, ...words] = this.command();
    this.child = spawn(program, words, { stdio: ['ignore', log, log], env: this.environment() });
    fs.closeSync(log);
    running.add(this.child);
    this.exited = new Promise((resolve) => {
      this.child.once('exit', resolve);
      this.child.once('error', resolve);
    });
    await until(`${this.name} to listen`, async () => {
      if (this.child.exitCode !== null) return true;
      return (await accepts(this.httpPort)) && accepts(this.httpsPort);
    });
    if (this.child.exitCode !== null) throw new Error(`${this.name} has ended: ${this.logTail()}`);
  }

  // Reloads with another address of edges in its list.
  async reloadWithEdges(port) {
    const [from, to] = this.moreEdges(port);
    const text = fs.readFileSync(this.config, 'utf8');
    if (!text.includes(from)) throw new Error(`${this.config} has no "${from}"`);
    fs.writeFileSync(this.config, text.replace(from, to));
    await this.reload();
  }

  environment() {
    return { ...process.env, PATH: SEARCH_PATH };
  }

  logText() {
    return fs.readFileSync(this.log, 'utf8');
  }

  logTail() {
    return `--- ${this.log}\n${this.logText().trimEnd().split('\n').slice(-15).join('\n')}`;
  }

  // The replacement of a listener on all addresses of IPv6: it gets the loopback one, or is no more
  // than a comment where the machine has no IPv6.
  ipv6(listener, port) {
    const [words] = listener.split('[::]');
    return [listener, HAS_IPV6 ? `${words}[::1]:${port}` : `# ${listener}`];
  }

  async stop() {
    if (!this.child) return;
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), DEADLINE_MS);
    await this.exited;
    clearTimeout(late);
    running.delete(this.child);
  }
}
