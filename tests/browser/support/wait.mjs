// Waiting with a deadline. There are no sleeps in these tests: each wait names what it waits for.

export const DEADLINE_MS = 10_000;

// Probes until the answer is truthy and returns it; a throwing probe counts as "not yet". What is
// probed has no event of its own (an HTTP metric, a page's DOM), so it is asked every 20 ms.
export async function until(what, probe, deadlineMs = DEADLINE_MS) {
  const deadline = performance.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      last = await probe();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${deadlineMs} ms for ${what}; the last answer was ${String(last)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
