// Times and bounds of the browser client.

// The connection. The edge answers a send within 20 s, if only with "unavailable".
export const RECONNECT_WINDOW_MS = [200, 15_000]; // until a welcome gives another
export const BACKOFF_FIRST_MS = 1000;
export const STABLE_MS = 5000; // a connection that held so long starts the back-off afresh
export const ATTEMPT_TIMEOUT_MS = 10_000; // a frozen edge accepts and never answers
export const ANSWER_TIMEOUT_MS = 15_000; // without a sign of life, while an answer is due: then ask
export const PING_INTERVAL_MS = 25_000; // of the edge, until a welcome gives another
export const PROBE_TIMEOUT_MS = 10_000; // the edge gives its clients as long
export const ASLEEP_MS = 2000; // a timer that is later shows that the tab was throttled, or slept
export const WAKE_SPACING_MS = 1000; // between attempts, however many signs of a network come

// Messages.
export const DEPTH_MAX = 32; // levels of arrays and objects that an edge reads; the frame is the first
export const SEND_TIMEOUT_MS = 60_000;
export const SEND_TIMEOUT_MAX_MS = 100_000; // and 20 s at the edge: the service still knows the key
export const KEY_AGE_MAX_MS = 120_000; // no message is sent again later
export const KEYS_MAX = 16_384; // remembered for each group, the newest
export const QUEUE_MESSAGES_MAX = 1000;
export const QUEUE_BYTES_MAX = 4 * 1024 * 1024;
export const RETRY_MS = 1000; // after a retryable error that does not say when
export const REPAIRS_MAX = 3; // of one hole; then the loss is told
export const JOINS_MAX = 5; // in a row without an answer: over a minute
