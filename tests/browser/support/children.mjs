// Processes of the tests. Whatever ends the test run early must not leave one of them behind.

import { spawn } from 'node:child_process';

const running = new Set();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

// As spawn. exited: resolves with the exit code, the name of the signal that ended it, or the error
// with which it did not start.
export function spawnChild(program, args, options) {
  const child = spawn(program, args, options);
  running.add(child);
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal));
    child.once('error', resolve);
  });
  exited.then(() => running.delete(child));
  return { child, exited };
}
