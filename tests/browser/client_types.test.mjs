// channel.d.ts says what channel.js does.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as client from '../../ws_edge/web/channel.js';
import { FakeWorld } from './support/fake_edge.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

test('a TypeScript program that uses the whole client compiles', () => {
  try {
    execFileSync(process.execPath, [
      here('node_modules/typescript/bin/tsc'),
      '--project',
      here('types/tsconfig.json'),
    ]);
  } catch (error) {
    assert.fail(`${error.stdout}`);
  }
});

test('Node finds the client as a package', (t) => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'channel-package-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  fs.mkdirSync(path.join(directory, 'node_modules'));
  fs.cpSync(here('../../ws_edge/web'), path.join(directory, 'node_modules/channel-client'), {
    recursive: true,
  });
  const program = `
    import * as all from 'channel-client';
    console.log(Object.keys(all).sort().join());
  `;
  fs.writeFileSync(path.join(directory, 'program.mjs'), program);
  const names = execFileSync(process.execPath, ['program.mjs'], { cwd: directory });
  assert.equal(String(names).trim(), Object.keys(client).sort().join());
});

// As in Node 18.
test('where the platform has no crypto it says what to set, and then works', (t) => {
  const own = Object.getOwnPropertyDescriptor(globalThis, 'crypto');
  t.after(() => Object.defineProperty(globalThis, 'crypto', own));
  delete globalThis.crypto;
  assert.throws(() => new FakeWorld(), {
    name: 'TypeError',
    message: /set globalThis\.crypto to webcrypto of node:crypto/,
  });
  globalThis.crypto = webcrypto;
  const world = new FakeWorld();
  world.open();
  world.client.send('123', 'hello');
  assert.match(world.socket.take('send_to_group').key, /^[0-9a-f]{32}$/);
});

test('the types name what the module exports', () => {
  const types = fs.readFileSync(here('../../ws_edge/web/channel.d.ts'), 'utf8');
  const names = [...types.matchAll(/^export (?:class|function) (\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(names.sort(), Object.keys(client).sort());
});

test('the types name the members of the classes, and no others', () => {
  const types = fs.readFileSync(here('../../ws_edge/web/channel.d.ts'), 'utf8');
  const { client: channel } = new FakeWorld();
  const error = new client.ChannelError('code', 'text', { group: '123' });
  for (const instance of [channel, channel.join('123'), error]) {
    const { name } = instance.constructor;
    const body = types.match(new RegExp(`^export class ${name}\\b[^]*?^}`, 'm'))[0];
    const typed = [...body.matchAll(/^  (?:readonly )?(\w+)\??[:(<]/gm)].map((match) => match[1]);
    const members = [
      ...Object.getOwnPropertyNames(instance),
      ...Object.getOwnPropertyNames(client[name].prototype),
    ];
    const ofEveryError = ['name', 'message', 'stack'];
    assert.deepEqual(
      [...new Set(typed)].filter((member) => member !== 'constructor').sort(),
      members.filter((m) => m !== 'constructor' && !ofEveryError.includes(m)).sort(),
    );
  }
});
