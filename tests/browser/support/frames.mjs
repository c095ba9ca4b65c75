// Frames of an edge that a test plays. The group is "123" and the epoch "k1", unless fields say
// other.

const TIME = 1_800_000_000_000;

// For an error that may be tried again.
export const RETRY = { retryable: true, retry_ms: 1000 };

export function welcome(fields) {
  return {
    event: 'welcome',
    connection_id: 'c-1',
    session: '1',
    server: 'edge-1',
    ping_interval_ms: 25_000,
    reconnect_ms: [200, 15_000],
    limits: { message_bytes: 65_536 },
    ...fields,
  };
}

// command: the frame that is answered
export function ok({ id, group_id }, fields) {
  return { event: 'ok', id, group_id, epoch: 'k1', offset: 0, ...fields };
}

export function error({ id }, code, fields) {
  return { event: 'error', id, code, message: `it is ${code}`, ...fields };
}

// Publication `offset`, which follows the one before.
function publication(offset, fields) {
  const chain = { offset, previous_offset: offset - 1 };
  return { ...chain, time_unix_ms: TIME, message: `m${offset}`, ...fields };
}

export function message(offset, fields) {
  return { event: 'message', group_id: '123', epoch: 'k1', ...publication(offset, fields) };
}

// Publications `first` to `last`, as the answer to a history has them.
export function publications(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => publication(first + i));
}

export function gap(after, before, fields) {
  return { event: 'gap', group_id: '123', epoch: 'k1', after, before, ...fields };
}
