// What the package exports. From the outside in: ChannelClient (client) owns the parts and passes
// frames to them; Connection keeps one WebSocket open, with Heartbeat (is the edge alive?) and
// Backoff (when to try again); Outbox keeps what was sent until it is answered; Membership is one
// joined group, with Chain (is a message new, twice or behind a hole?); Subscription is the part
// that one caller of `join` has in it, with CatchUp (what it asked for of the history).
//
// Each part brings its own state up to date first and tells listeners last: a listener may call
// anything here, and one that throws stops nothing.

export { ChannelClient, connect } from './client.js';
export { ChannelError } from './events.js';
export { randomKey } from './outbox.js';
export { Subscription } from './subscription.js';
