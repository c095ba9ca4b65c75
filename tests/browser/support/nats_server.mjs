// A real nats-server that keeps the log, for --engine=nats.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { freePort } from './ports.mjs';
import { until } from './wait.mjs';

// Whatever ends the test run early must not leave processes behind.
const running = new Set();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class NatsServer {
  static async start(directory) {
    const nats = new NatsServer();
    nats.folder = path.join(directory, 'nats');
    nats.port = await freePort();
    nats.url = `nats://127.0.0.1:${nats.port}`;
    await nats.start();
    return nats;
  }

  // On the same port and data.
  async start() {
    this.child = spawn(
      'nats-server',
      ['--addr', '127.0.0.1', '--port', this.port, '--jetstream', '--store_dir', this.folder],
      // Debian has it where only root looks.
      { stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } },
    );
    running.add(this.child);
    this.exited = new Promise((resolve) => {
      this.child.once('exit', resolve);
      this.child.once('error', resolve);
    });
    await until('nats-server to listen', () => this.#listens());
  }

  async #listens() {
    const socket = net.connect(this.port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return true;
    } catch {
      return false;
    } finally {
      socket.destroy();
    }
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.exited;
    running.delete(this.child);
  }
}
