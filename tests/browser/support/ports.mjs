// Ports for the programs that the tests start.

import { once } from 'node:events';
import net from 'node:net';

// Whether nobody listens on the port, not even with SO_REUSEPORT, which node does not set.
async function isFree(port) {
  const probe = net.createServer();
  try {
    probe.listen({ port, host: '127.0.0.1', exclusive: true });
    await once(probe, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    probe.close();
  }
}

// These ports were given once: a test that asks for a second one has not bound the first one yet.
const given = new Set();

// Below the ports that the kernel takes for outgoing connections, and below those of the other tests,
// which may run at the same time: tests/support/reserved_port.cc and tests/deploy/support.bash.
export async function freePort() {
  for (let i = 0; i < 100; i++) {
    const port = 10_000 + Math.floor(Math.random() * 2_000);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error('found no free port between 10000 and 12000');
}
