// One channel_service and some ws_edge processes that share a port, as real processes.

import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnChild } from './children.mjs';
import { freePort } from './ports.mjs';
import { DEADLINE_MS, until } from './wait.mjs';

export const BIN_DIR = path.resolve(
  process.env.BIN_DIR ?? fileURLToPath(new URL('../../../build/release/bin', import.meta.url)),
);

// A process that has said in its state file that it is ready.
class Part {
  constructor(binary, name, flags, directory) {
    this.name = name;
    this.binary = path.join(BIN_DIR, binary);
    this.flags = flags;
    this.stateFile = path.join(directory, `${name}.state`);
    this.stderrFile = path.join(directory, `${name}.stderr`);
    this.killed = false;
  }

  async start() {
    fs.rmSync(this.stateFile, { force: true }); // one that was killed leaves it behind
    this.killed = false;
    const stderr = fs.openSync(this.stderrFile, 'a');
    const flags = [...this.flags, `--name=${this.name}`, `--state_file=${this.stateFile}`];
    const { child, exited } = spawnChild(this.binary, flags, {
      stdio: ['ignore', 'ignore', stderr],
    });
    fs.closeSync(stderr);
    Object.assign(this, { child, exited });
    let end;
    exited.then((how) => (end = how));
    const isStarted = () => fs.existsSync(this.stateFile);
    await until(`${this.name} to be ready`, () => end !== undefined || isStarted());
    if (end !== undefined) throw new Error(`${this.name} ended: ${end}`);
    this.state = JSON.parse(fs.readFileSync(this.stateFile, 'utf8'));
  }

  async kill() {
    this.killed = true;
    this.child.kill('SIGKILL');
    await this.exited;
  }

  // Ends the process; returns its exit code, or the name of the signal that ended it.
  async stop() {
    this.child.kill('SIGTERM');
    const late = setTimeout(() => this.child.kill('SIGKILL'), DEADLINE_MS);
    const code = await this.exited;
    clearTimeout(late);
    return code;
  }

  async get(route) {
    const answer = await fetch(`http://${this.state.admin}${route}`);
    return { status: answer.status, text: await answer.text() };
  }

  // The value of a metric; the sum over its labels if it has some.
  async metric(name) {
    const { text } = await this.get('/metrics');
    const values = text
      .split('\n')
      .map((line) => line.match(/^(\w+)(?:\{.*\})? (\S+)/))
      .filter((match) => match?.[1] === name)
      .map((match) => Number(match[2]));
    if (values.length === 0) throw new Error(`${this.name} has no metric ${name}`);
    return values.reduce((sum, value) => sum + value, 0);
  }

  stderrTail() {
    const lines = fs.existsSync(this.stderrFile)
      ? fs.readFileSync(this.stderrFile, 'utf8').trimEnd().split('\n')
      : [];
    return `--- ${this.stderrFile}\n${lines.slice(-15).join('\n')}`;
  }
}

export class System {
  // options: edges (count), edgeFlags
  static async start(directory, { edges = 2, edgeFlags = [] } = {}) {
    const system = new System();
    system.port = await freePort();
    system.url = `http://127.0.0.1:${system.port}/`;
    const servicePort = await freePort();
    system.service = new Part(
      'channel_service',
      'service',
      [`--listen=127.0.0.1:${servicePort}`, '--admin_listen=127.0.0.1:0'],
      directory,
    );
    system.edges = Array.from(
      { length: edges },
      (_, i) =>
        new Part(
          'ws_edge',
          `edge-${i + 1}`,
          [
            `--listen=127.0.0.1:${system.port}`,
            `--channel=127.0.0.1:${servicePort}`,
            '--admin_listen=127.0.0.1:0',
            ...edgeFlags,
          ],
          directory,
        ),
    );
    try {
      await system.service.start();
      for (const edge of system.edges) await edge.start();
      await system.edgesReady();
    } catch (error) {
      error.message += `\n${system.stderrTails()}`;
      await system.stop();
      throw error;
    }
    return system;
  }

  // Waits until every edge that runs has its link to the service.
  async edgesReady() {
    for (const edge of this.edges.filter(({ killed }) => !killed)) {
      await until(
        `${edge.name} to reach the service`,
        async () => (await edge.get('/readyz')).status === 200,
      );
    }
  }

  edge(name) {
    return this.edges.find((edge) => edge.name === name);
  }

  // Ends all that runs. Returns what did not end with 0, as "name: code".
  async stop() {
    const bad = [];
    for (const part of [...this.edges, this.service]) {
      if (!part.child || part.killed) continue;
      const code = await part.stop();
      if (code !== 0) bad.push(`${part.name}: ${code}`);
    }
    return bad;
  }

  stderrTails() {
    return [this.service, ...this.edges].map((part) => part.stderrTail()).join('\n');
  }
}
