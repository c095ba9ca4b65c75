// An edge that a test plays for a real page: the page's WebSockets of here on end in the test,
// which answers as the group "123" of epoch k1.

import { until } from './wait.mjs';

export class PlayedEdge {
  frames = []; // of the page that the test did not take yet
  socket = null; // the newest
  isAway = false;
  refusal = { code: 1012 }; // how it closes what comes while it is away
  refused = 0;

  static async open(open, { clock = false, ...fields } = {}) {
    const chat = await open();
    const edge = Object.assign(new PlayedEdge(), fields);
    await chat.page.routeWebSocket(/.*/, (socket) => edge.#opened(socket));
    if (clock) await chat.page.clock.install();
    await chat.page.goto(`${chat.page.url()}?group=123`);
    return { chat, edge };
  }

  #opened(socket) {
    if (this.isAway) {
      this.refused++;
      socket.close(this.refusal);
      return;
    }
    this.socket = socket;
    this.frames = [];
    socket.onMessage((text) => this.frames.push(JSON.parse(text)));
    // The page need not ask whether the edge is there, however its clock is moved.
    this.tell({ event: 'welcome', server: 'played', ping_interval_ms: 3_600_000 });
  }

  async leave() {
    this.isAway = true;
    await this.socket.close({ code: 1012 });
  }

  tell(frame) {
    this.socket.send(JSON.stringify(frame));
  }

  // The next frame of the page with this command.
  take(cmd) {
    return until(`a ${cmd} of the page`, () => {
      const at = this.frames.findIndex((frame) => frame.cmd === cmd);
      return at >= 0 && this.frames.splice(at, 1)[0];
    });
  }

  ok({ id }, offset, fields) {
    const head = { group_id: '123', epoch: 'k1', offset };
    this.tell({ event: 'ok', id, ...head, recovered: true, ...fields });
  }

  message(offset, fields) {
    const chain = { epoch: 'k1', offset, previous_offset: offset - 1 };
    const rest = { time_unix_ms: 1_800_000_000_000, message: `m${offset}` };
    this.tell({ event: 'message', group_id: '123', ...chain, ...rest, ...fields });
  }
}
