// Records of what a client under test tells.

// The events of a type as plain objects, as they come.
export function record(target, type) {
  const events = [];
  target.addEventListener(type, (event) => {
    events.push(Object.fromEntries(Object.entries(event).filter(([name]) => name !== 'isTrusted')));
  });
  return events;
}

// The events of a subscription in words, in one list.
export function recordAll(room) {
  const events = [];
  const note = (type, what) =>
    room.addEventListener(type, (event) => events.push(`${type} ${what(event)}`));
  note('state', ({ state, recovered }) => (recovered === false ? `${state}, not all` : state));
  note('message', ({ offset }) => offset);
  note('gap', ({ after, before, reason }) => `${after}-${before} ${reason}`);
  note('error', ({ code }) => code);
  return events;
}

// The words that recordAll has for messages `first` to `last`.
export function messageWords(first, last) {
  return Array.from({ length: last - first + 1 }, (_, i) => `message ${first + i}`);
}

// One field of each event or frame.
export function pluck(items, name) {
  return items.map((item) => item[name]);
}

// The outcome of a promise, once it is settled: {value} or {error}.
export function outcome(promise) {
  const result = {};
  promise.then(
    (value) => Object.assign(result, { value }),
    (error) => Object.assign(result, { error }),
  );
  return result;
}
