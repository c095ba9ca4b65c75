// The types of the client agree with its modules and with the protocol. Node and TypeScript find its
// package.

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
const read = (name) => fs.readFileSync(here(name), 'utf8');
const types = read('../../ws_edge/web/channel.d.ts') + read('../../ws_edge/web/client/events.d.ts');

function runNode(args, options = {}) {
  try {
    return String(execFileSync(process.execPath, args, options));
  } catch (error) {
    return assert.fail(`${error.stdout}${error.stderr}`);
  }
}

const compile = (...args) => runNode([here('node_modules/typescript/bin/tsc'), ...args]);

// A directory of an application that has installed the package: with what `files` and npm's rules
// put into it, and nothing else.
function installPackage(t) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'channel-package-'));
  t.after(() => fs.rmSync(directory, { recursive: true }));
  const installed = path.join(directory, 'node_modules/channel-client');
  fs.mkdirSync(installed, { recursive: true });
  const { files } = JSON.parse(read('../../ws_edge/web/package.json'));
  for (const name of ['package.json', ...files]) {
    fs.cpSync(here(`../../ws_edge/web/${name}`), path.join(installed, name), { recursive: true });
  }
  return directory;
}

// The names in the first column of the first table of a section of the protocol.
function namesInProtocol(section) {
  const text = read('../../proto/websocket.md');
  const [, body] = text.split(new RegExp(`^## ${section}\\. .*$`, 'm'));
  const [, rows] = body.split(/^## /m)[0].split(/^[|-]+$/m);
  return [...rows.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name).sort();
}

// The members of a union of string literals.
function namesOfUnion(declaration) {
  const [, union] = types.match(new RegExp(`${declaration}([^;]*);`));
  return [...union.matchAll(/'(\w+)'/g)].map(([, name]) => name).sort();
}

// A program that uses the whole client.
for (const resolution of ['bundler', 'nodenext', 'node10']) {
  test(`TypeScript finds the package by name with resolution "${resolution}"`, (t) => {
    const directory = installPackage(t);
    const text = read('types/client_use.ts');
    const program = text.replaceAll('../../../ws_edge/web/channel.js', 'channel-client');
    assert.notEqual(program, text);
    fs.writeFileSync(path.join(directory, 'package.json'), '{"type":"module"}');
    fs.writeFileSync(path.join(directory, 'program.ts'), program);
    const module = resolution === 'nodenext' ? 'nodenext' : 'esnext';
    const strict = ['--strict', '--noEmit', '--target', 'es2022'];
    const how = ['--module', module, '--moduleResolution', resolution];
    compile(...strict, ...how, path.join(directory, 'program.ts'));
  });
}

test('Node finds the package by name', (t) => {
  const directory = installPackage(t);
  const program = `
    import * as all from 'channel-client';
    import { createRequire } from 'node:module';
    const { name } = createRequire(import.meta.url)('channel-client/package.json');
    console.log(Object.keys(all).sort().join(), name);
  `;
  fs.writeFileSync(path.join(directory, 'program.mjs'), program);
  const said = runNode(['program.mjs'], { cwd: directory });
  assert.equal(said.trim(), `${Object.keys(client).sort().join()} channel-client`);
});

test('the package has the version of the servers', () => {
  const [, version] = read('../../CMakeLists.txt').match(/^project\(channel VERSION (\S+)/m);
  assert.equal(JSON.parse(read('../../ws_edge/web/package.json')).version, version);
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

test('the types name what the package exports', () => {
  const names = [...types.matchAll(/^export (?:class|function) (\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(names.sort(), Object.keys(client).sort());
});

test('the types name the members of the classes, and no others', () => {
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

test('the types name the error codes of the protocol, and no others', () => {
  assert.deepEqual(namesOfUnion('type ServerErrorCode ='), namesInProtocol(6));
});

test('the types name the gap reasons of the protocol, and one of the client', () => {
  const reasons = namesOfUnion('\\n  reason: ');
  assert.deepEqual(reasons, [...namesInProtocol(7), 'hole'].sort());
});

test('each error code that the client makes is one of its types', () => {
  const directory = here('../../ws_edge/web/client/');
  const modules = fs.readdirSync(directory).filter((name) => name.endsWith('.js'));
  const text = modules.map((name) => fs.readFileSync(directory + name, 'utf8')).join();
  const ofClient = namesOfUnion('type ClientErrorCode =');
  const known = [...namesOfUnion('type ServerErrorCode ='), ...ofClient];
  const made = [
    ...text.matchAll(/(?:ChannelError\(|fail\((?:request, )?|code: |return \[)'(\w+)'/g),
  ].map(([, code]) => code);
  assert.deepEqual([...new Set(made)].filter((code) => !known.includes(code)), []);
  assert.deepEqual(ofClient.filter((code) => !made.includes(code)), []);
});
