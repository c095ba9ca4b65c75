// The parts of the platform that the client uses. Tests replace them (options.environment).

export function createEnvironment(options) {
  const environment = {
    WebSocket: options.WebSocket ?? globalThis.WebSocket,
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer),
    now: () => performance.now(), // measures every duration; nobody can set it
    wallNow: () => Date.now(),
    random: () => Math.random(),
    page: globalThis,
    ...options.environment,
  };
  if (!environment.WebSocket) throw new TypeError('no WebSocket here: give one in the options');
  if (!globalThis.crypto) {
    throw new TypeError('no crypto here: set globalThis.crypto to webcrypto of node:crypto');
  }
  return environment;
}

// The wait that the server asks for, or up to half of it longer, so that clients spread out.
export function spread(environment, ms) {
  return ms * (1 + environment.random() / 2);
}

// Reports signs that the network went or is back, or that the page was asleep, so that nobody waits
// for a timer. Returns a function that ends it.
export function watchPage(page, { wake, offline }) {
  const shown = () => page.document.hidden || wake();
  page.addEventListener?.('online', wake);
  page.addEventListener?.('offline', offline);
  page.document?.addEventListener('visibilitychange', shown);
  return () => {
    page.removeEventListener?.('online', wake);
    page.removeEventListener?.('offline', offline);
    page.document?.removeEventListener('visibilitychange', shown);
  };
}
