// Remembers the messages that this tab has sent, so that they are shown as its own after a reload,
// too. A key alone does not tell: the members see it, and anybody may use it again once the service
// has forgotten it. So each key is bound to the first position at which its message came or was
// acknowledged; before that nobody else can know the key.

const KEPT_MAX = 500; // as many as a log has lines
const STORED_AS = 'own';

export class OwnMessages {
  #sent = new Map(); // group and key → {epoch, offset}, or null until that is known; oldest first

  // Storage may be forbidden, or hold a text that somebody else wrote; then this begins empty.
  constructor() {
    try {
      this.#sent = new Map(JSON.parse(sessionStorage.getItem(STORED_AS) ?? '[]'));
    } catch {
      // Not kept.
    }
  }

  remember(group, key) {
    this.#sent.set(this.#name(group, key), null);
    for (const name of this.#sent.keys()) {
      if (this.#sent.size <= KEPT_MAX) break;
      this.#sent.delete(name);
    }
    this.#store();
  }

  // True if this tab has sent the message with this key at this position. Binds the key to it.
  isMine({ group, key, epoch, offset }) {
    const name = this.#name(group, key);
    const known = this.#sent.get(name);
    if (known === undefined) return false;
    if (known !== null) return known.epoch === epoch && known.offset === offset;
    this.#sent.set(name, { epoch, offset });
    this.#store();
    return true;
  }

  #name(group, key) {
    return `${key} ${group}`; // a key of this page has no space
  }

  #store() {
    try {
      sessionStorage.setItem(STORED_AS, JSON.stringify([...this.#sent]));
    } catch {
      // Not kept.
    }
  }
}
