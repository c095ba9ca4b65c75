// A real nats-server that keeps the log, for --engine=nats.

import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { spawnChild } from './children.mjs';
import { freePort } from './ports.mjs';
import { until } from './wait.mjs';

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
    const { child, exited } = spawnChild(
      'nats-server',
      ['--addr', '127.0.0.1', '--port', this.port, '--jetstream', '--store_dir', this.folder],
      // Debian has it where only root looks.
      { stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` } },
    );
    Object.assign(this, { child, exited });
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
  }
}
