// The files that an edge serves: the page, the client and its types.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { scenario } from './support/scenario.mjs';

// Paths of the page's own files.
function ownFiles() {
  const web = fileURLToPath(new URL('../../ws_edge/web/', import.meta.url));
  return fs
    .readdirSync(web, { recursive: true })
    .filter((name) => /\.(html|css|js)$/.test(name))
    .map((name) => (name === 'index.html' ? '/' : `/${name}`))
    .sort();
}

scenario('the page loads without a console error or a policy violation', {}, async ({ open }) => {
  const chat = await open();
  await chat.page.getByRole('heading', { name: 'No group joined yet' }).waitFor();
  await chat.page.getByRole('button', { name: 'Join group 123' }).click();
  await chat.connected();
  assert.deepEqual(chat.problems, []);
  const files = chat.requests.filter((address) => address.startsWith('http'));
  assert.deepEqual(
    files.map((address) => new URL(address).pathname).sort(),
    ownFiles(),
    'it asks for its own files and for nothing else',
  );
});

// Fetches the file and all that it imports; returns their texts by path.
async function fetchModules(url, type, texts = new Map()) {
  if (texts.has(url.pathname)) return texts;
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url.pathname);
  assert.equal(answer.headers.get('content-type'), `${type}; charset=utf-8`);
  const text = await answer.text();
  texts.set(url.pathname, text);
  for (const [, name] of text.matchAll(/ from '(\.[^']*)';$/gm)) {
    const file = type === 'text/plain' ? name.replace(/\.js$/, '.d.ts') : name;
    await fetchModules(new URL(file, url), type, texts);
  }
  return texts;
}

scenario('the client and its types are served, for other pages', {}, async ({ system }) => {
  const modules = await fetchModules(new URL('channel.js', system.url), 'text/javascript');
  const files = ownFiles().filter((name) => /^\/(channel|client\/\w+)\.js$/.test(name));
  assert.deepEqual([...modules.keys()].sort(), files, 'the client is all of its modules');
  const types = await fetchModules(new URL('channel.d.ts', system.url), 'text/plain');
  assert.match(types.get('/channel.d.ts'), /^export function connect\(/m);
  assert.ok(types.has('/client/events.d.ts'));
});
