// All tests in one process, with one Chromium: a process for each file, as `node --test` makes it,
// would start one for each.

import fs from 'node:fs';

const names = fs.readdirSync(new URL('.', import.meta.url));
for (const name of names.filter((name) => name.endsWith('.test.mjs')).sort()) {
  await import(`./${name}`);
}
