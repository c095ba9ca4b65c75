// The exports of the package. Its parts, each with the facts that it owns:
//
// ChannelClient  the other parts; passes frames to them
// Connection     one WebSocket and its state, with Heartbeat (is the edge alive?) and Backoff (when
//                to try again)
// Outbox         sends and history requests, until they are answered
// Membership     one joined group: its join and position, with Chain (is a message new, a duplicate
//                or behind a hole?)
// Subscription   what one caller of `join` was told, with CatchUp (fetches what it asked for) and
//                KeyMemory (did this message come already, in the epoch before?)
//
// Each part brings its own state up to date first and tells listeners last: a listener may call
// anything here, and one that throws stops nothing.

export { ChannelClient, connect } from './client.js';
export { ChannelError } from './events.js';
export { randomKey } from './outbox.js';
export { Subscription } from './subscription.js';
