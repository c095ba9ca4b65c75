// channel.d.ts says what channel.js does.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as client from '../../ws_edge/web/channel.js';

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

test('the types name what the module exports', () => {
  const types = fs.readFileSync(here('../../ws_edge/web/channel.d.ts'), 'utf8');
  const names = [...types.matchAll(/^export (?:class|function) (\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(names.sort(), Object.keys(client).sort());
});

test('the types name the members of the classes', () => {
  const types = fs.readFileSync(here('../../ws_edge/web/channel.d.ts'), 'utf8');
  for (const name of ['ChannelClient', 'Subscription']) {
    const body = types.match(new RegExp(`^export class ${name}[^]*?^}`, 'm'))[0];
    const members = Object.getOwnPropertyNames(client[name].prototype).filter(
      (member) => member !== 'constructor',
    );
    for (const member of members)
      assert.match(body, new RegExp(`^  (readonly )?${member}\\b`, 'm'));
  }
});
