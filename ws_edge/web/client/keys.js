import { KEY_AGE_MAX_MS, KEYS_MAX } from './limits.js';

// The keys of the messages that one subscription was given, to know a message that comes again.
//
// A send that was not answered when the service lost its memory is sent again and gets a position of
// the new epoch. Only its key shows that it is the same message. Within one epoch the service
// compares keys itself, so two messages with one key are two messages. The service's time of the
// messages counts, not the clock here: who was away hears both late, one right after the other.
export class KeyMemory {
  #keys = new Map(); // key → {epoch, time} of its message; the newest keys, oldest first

  // Remembers the message. Returns true if it was given already, in another epoch.
  isRepetition({ key, epoch, time }) {
    if (key === undefined) return false;
    const isOld = (known) => time - known.time > KEY_AGE_MAX_MS;
    for (const [old, known] of this.#keys) {
      if (!isOld(known) && this.#keys.size < KEYS_MAX) break;
      this.#keys.delete(old);
    }
    const known = this.#keys.get(key);
    this.#keys.delete(key); // to become the newest
    this.#keys.set(key, { epoch, time });
    return known !== undefined && known.epoch !== epoch && !isOld(known);
  }
}
