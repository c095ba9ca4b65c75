// A WebSocket client over TLS whose address and headers a test chooses. It keeps what came, counts
// pings, and masks with zeros.

import { once } from 'node:events';
import https from 'node:https';
import { DEADLINE_MS, until } from '../../browser/support/wait.mjs';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

export class WebSocketClient {
  pings = 0; // that came, and were answered
  texts = []; // that came and were not taken by hears()
  end = null; // why the connection is over

  #buffered = Buffer.alloc(0);

  // options: host, port, path, localAddress, headers, servername, ca (as of https.request)
  static async open(options) {
    const request = https.request({
      ...options,
      headers: {
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...options.headers,
      },
      ALPNProtocols: ['http/1.1'],
      agent: false,
      timeout: DEADLINE_MS,
    });
    request.once('timeout', () => request.destroy(new Error('the handshake takes too long')));
    request.once('response', ({ statusCode }) =>
      request.destroy(new Error(`the handshake was answered with ${statusCode}`)),
    );
    request.end();
    const [response, socket, head] = await once(request, 'upgrade');
    socket.setTimeout(0);
    return new WebSocketClient(socket, head, response.headers['x-channel-edge']);
  }

  constructor(socket, head, edge) {
    this.socket = socket;
    this.edge = edge;
    socket.on('data', (bytes) => this.#read(bytes));
    socket.once('error', (error) => (this.end ??= String(error)));
    socket.once('close', () => (this.end ??= 'closed without a close frame'));
    this.#read(head);
  }

  send(command) {
    this.#write(TEXT, Buffer.from(JSON.stringify(command)));
  }

  // Waits for a message and takes it, with all that came before it.
  async hears(text) {
    await until(`"${text}" from the edge`, () => this.end ?? this.texts.includes(text));
    const at = this.texts.indexOf(text);
    if (at < 0) throw new Error(`"${text}" did not come: ${this.end}`);
    this.texts.splice(0, at + 1);
  }

  // Joins a group and waits until that took effect: what it sends afterwards comes back.
  async join(group) {
    this.send({ cmd: 'add_group', group_id: group });
    await this.echo(group, `joined ${group}`);
  }

  async echo(group, message) {
    this.send({ cmd: 'send_to_group', group_id: group, message });
    await this.hears(message);
  }

  close() {
    this.socket.destroy();
  }

  #write(opcode, payload) {
    const extended = payload.length > 125;
    const header = Buffer.alloc(extended ? 8 : 6); // the mask, its last four bytes, stays 0
    header[0] = 0x80 | opcode;
    header[1] = 0x80 | (extended ? 126 : payload.length);
    if (extended) header.writeUInt16BE(payload.length, 2);
    this.socket.write(Buffer.concat([header, payload]));
  }

  #read(bytes) {
    this.#buffered = Buffer.concat([this.#buffered, bytes]);
    for (;;) {
      const data = this.#buffered;
      if (data.length < 2) return;
      const extended = data[1] === 126;
      if (extended && data.length < 4) return;
      const begin = extended ? 4 : 2;
      const end = begin + (extended ? data.readUInt16BE(2) : data[1]);
      if (data.length < end) return;
      this.#buffered = data.subarray(end);
      this.#take(data[0] & 15, data.subarray(begin, end));
    }
  }

  #take(opcode, payload) {
    if (opcode === TEXT) this.texts.push(payload.toString());
    if (opcode === CLOSE) {
      this.end = `closed with ${payload.length < 2 ? 'no code' : payload.readUInt16BE(0)}`;
    }
    if (opcode === PING) {
      this.pings += 1;
      this.#write(PONG, payload);
    }
  }
}
