// A proxy that serves something else under a path of its own, which it takes off: as nginx does
// with `location /chat/ { proxy_pass http://…/; }`. It passes the rest of requests and upgrades on.

import http from 'node:http';
import net from 'node:net';

export class PrefixProxy {
  paths = []; // asked for, as the browser named them
  #server;
  #sockets = new Set();

  // target: the port on 127.0.0.1 that is behind it
  static async start(prefix, target) {
    const proxy = new PrefixProxy();
    proxy.#server = http.createServer((request, response) => {
      proxy.paths.push(request.url);
      const { method, headers } = request;
      const path = proxy.#inner(prefix, request.url);
      if (path === null) {
        response.writeHead(404).end();
        return;
      }
      const onward = http.request({ port: target, method, headers, path }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
    proxy.#server.on('connection', (socket) => proxy.#keep(socket));
    proxy.#server.on('upgrade', (request, socket) => {
      proxy.paths.push(request.url);
      const path = proxy.#inner(prefix, request.url);
      if (path === null) {
        socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
        return;
      }
      const onward = proxy.#keep(net.connect(target, '127.0.0.1'));
      const fields = [];
      for (let i = 0; i < request.rawHeaders.length; i += 2) {
        fields.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}\r\n`);
      }
      onward.write(`GET ${path} HTTP/1.1\r\n${fields.join('')}\r\n`);
      socket.pipe(onward).pipe(socket);
      socket.on('error', () => onward.destroy());
      onward.on('error', () => socket.destroy());
    });
    await new Promise((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    proxy.url = `http://127.0.0.1:${proxy.#server.address().port}${prefix}`;
    return proxy;
  }

  #inner(prefix, url) {
    return url.startsWith(prefix) ? `/${url.slice(prefix.length)}` : null;
  }

  #keep(socket) {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    return socket;
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
