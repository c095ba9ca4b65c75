// An edge that a test plays for a real page: it takes over the WebSockets that the page opens from
// now on.

import * as frames from './frames.mjs';
import { until } from './wait.mjs';

export class PlayedEdge {
  frames = []; // of the page that the test did not take yet
  socket = null; // the newest
  isAway = false;
  refusal = { code: 1012 }; // closes sockets that come while it is away
  refused = 0;

  static async open(open, { clock = false, ...fields } = {}) {
    const chat = await open();
    const edge = Object.assign(new PlayedEdge(), fields);
    await chat.page.routeWebSocket(/.*/, (socket) => edge.#opened(socket));
    if (clock) await chat.page.clock.install();
    await chat.page.goto(`${chat.page.url()}?group=123`);
    return { chat, edge };
  }

  // The same, and the join of the page is answered with this head.
  static async openJoined(open, head, options) {
    const { chat, edge } = await PlayedEdge.open(open, options);
    await edge.answer('add_group', head);
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
    this.tell(frames.welcome({ server: 'played', ping_interval_ms: 3_600_000 }));
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

  // Takes the next frame with this command and answers it. Returns the frame.
  async answer(cmd, offset, fields) {
    const frame = await this.take(cmd);
    this.ok(frame, offset, fields);
    return frame;
  }

  ok(command, offset, fields) {
    this.tell(frames.ok(command, { group_id: '123', offset, recovered: true, ...fields }));
  }

  message(offset, fields) {
    this.tell(frames.message(offset, fields));
  }
}
