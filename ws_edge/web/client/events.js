// Errors and events, as the application gets them.

export class ChannelError extends Error {
  name = 'ChannelError';

  constructor(code, message, { maybePublished = false, group } = {}) {
    super(message);
    this.code = code;
    this.maybePublished = maybePublished;
    this.group = group;
  }
}

export function dispatch(target, type, fields) {
  target.dispatchEvent(Object.assign(new Event(type), fields));
}
