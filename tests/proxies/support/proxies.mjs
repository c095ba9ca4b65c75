// nginx, haproxy in both its ways, and Caddy: how each is started and reloaded.

import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { until } from '../../browser/support/wait.mjs';
import { SITE } from './certificate.mjs';
import { Proxy, SEARCH_PATH } from './proxy.mjs';

const run = promisify(execFile);
const CADDY_MIN = [2, 7]; // the first with stream_close_delay

class Nginx extends Proxy {
  checksHealth = false; // only the commercial one asks
  sparesFull = true;

  constructor() {
    super('nginx', 'nginx.conf');
  }

  replacements() {
    const { directory, httpPort, httpsPort } = this;
    return [
      ['listen 80;', `listen 127.0.0.1:${httpPort};`],
      ['listen 443 ', `listen 127.0.0.1:${httpsPort} `],
      this.ipv6('listen [::]:80', httpPort),
      this.ipv6('listen [::]:443', httpsPort),
      [`/etc/letsencrypt/live/${SITE}/fullchain.pem`, `${directory}/channel.crt`],
      [`/etc/letsencrypt/live/${SITE}/privkey.pem`, `${directory}/channel.key`],
    ];
  }

  moreEdges(port) {
    const server = `server ${this.edge};`;
    return [server, `${server} server 127.0.0.1:${port};`];
  }

  // The lines of a machine's own nginx.conf around the file. No path of it is that of the machine's
  // nginx, which would lose its directories to the user of this one.
  command() {
    const at = (name) => path.join(this.directory, name);
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    fs.writeFileSync(
      at('main.conf'),
      `daemon off;
pid ${at('nginx.pid')};
worker_processes 1;
events { worker_connections 1024; }
http {
  access_log ${at('access.log')};
  ${temporary.map((name) => `${name}_temp_path ${at(`${name}_temp`)};`).join(' ')}
  include ${this.config};
}
`,
    );
    return ['nginx', '-p', this.directory, '-e', 'stderr', '-c', at('main.conf')];
  }

  // Returns when a new worker serves, and the old one has got no more than its open connections.
  async reload() {
    const old = this.#workers('');
    this.child.kill('SIGHUP');
    await until('the old worker of nginx to shut down', () => {
      const leaving = this.#workers('is shutting down');
      return old.every((pid) => leaving.includes(pid) || !this.#workers('').includes(pid));
    });
  }

  // The processes whose title has the text.
  #workers(text) {
    const { pid } = this.child;
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return children.split(' ').filter((child) => {
      if (!child) return false;
      const title = fs.readFileSync(`/proc/${child}/cmdline`, 'utf8');
      return title.includes('worker process') && title.includes(text);
    });
  }
}

class Haproxy extends Proxy {
  replacements() {
    const { directory, httpPort, httpsPort } = this;
    // Only root may have another root directory and user; nothing here may need 40,000 descriptors.
    const only = process.getuid() === 0 ? '' : '# ';
    return [
      ['bind :80', `bind 127.0.0.1:${httpPort}`],
      ['bind :443', `bind 127.0.0.1:${httpsPort}`],
      this.ipv6('bind [::]:80', httpPort),
      this.ipv6('bind [::]:443', httpsPort),
      [`/etc/haproxy/${SITE}.pem`, `${directory}/channel.pem`],
      ['maxconn 20000', 'maxconn 1000'],
      ...['chroot ', 'user ', 'group '].map((word) => [`    ${word}`, `    ${only}${word}`]),
    ];
  }

  moreEdges(port) {
    const server = `server edges-1 ${this.edge}`;
    return [server, `${server}\n    server edges-2 127.0.0.1:${port}`];
  }

  // As its unit of systemd does: a master that starts a new worker when it is told to.
  command() {
    return ['haproxy', '-W', '-f', this.config];
  }

  async reload() {
    const workers = this.#workersLoaded();
    this.child.kill('SIGUSR2');
    await until('a new worker of haproxy', () => this.#workersLoaded() > workers);
  }

  #workersLoaded() {
    return this.logText().split('Loading success').length;
  }
}

class HaproxyHttp extends Haproxy {
  constructor() {
    super('haproxy', 'haproxy.cfg');
  }
}

class HaproxyTcp extends Haproxy {
  paths = ['/'];
  protocols = ['http/1.1'];

  constructor() {
    super('haproxy_tcp', 'haproxy_tcp.cfg');
  }

  // The edges do not hear that the page came by https. A client's own headers reach them, and those
  // of trusted proxies are believed: here clients have loopback addresses too.
  get edgeFlags() {
    const origin = `https://${SITE}:${this.httpsPort}`;
    return [
      ...super.edgeFlags,
      ...['--proxy_protocol', `--allowed_origins=${origin}`, '--trusted_proxies=127.0.0.1'],
    ];
  }
}

class Caddy extends Proxy {
  constructor() {
    super('caddy', 'Caddyfile');
  }

  async missing() {
    const least = `Caddy ${CADDY_MIN.join('.')} or later`;
    try {
      const { stdout } = await run('caddy', ['version'], { env: this.environment() });
      const [major, minor] = stdout.replace(/^v/, '').split('.').map(Number);
      const isOld = major < CADDY_MIN[0] || (major === CADDY_MIN[0] && minor < CADDY_MIN[1]);
      return isOld ? `this is Caddy ${stdout.trim()}, and the file is for ${least}` : undefined;
    } catch {
      return `no ${least} here (deploy/install_deps.sh --tests builds one where Go is present)`;
    }
  }

  replacements() {
    const { directory, httpPort, httpsPort } = this;
    const options = [
      `admin unix/${this.#admin}`,
      `http_port ${httpPort}`,
      `https_port ${httpsPort}`,
      `default_bind ${this.hosts.map((host) => (host === '::1' ? '[::1]' : host)).join(' ')}`,
      'skip_install_trust',
    ];
    return [
      ['\tservers {\n', `\t${options.join('\n\t')}\n\tservers {\n`],
      ['/etc/caddy/channel', `${directory}/channel`],
    ];
  }

  moreEdges(port) {
    return [`reverse_proxy ${this.edge}`, `reverse_proxy ${this.edge} 127.0.0.1:${port}`];
  }

  // It keeps certificates and its last configuration at home.
  environment() {
    const home = this.directory ?? '/nonexistent';
    return { ...super.environment(), HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home };
  }

  command() {
    return ['caddy', 'run', ...this.#configuration];
  }

  // Returns when the new configuration serves and the old one is given up. --force: though both are
  // the same.
  async reload() {
    const address = ['--address', `unix/${this.#admin}`];
    await run('caddy', ['reload', '--force', ...address, ...this.#configuration], {
      env: this.environment(),
    });
  }

  get #admin() {
    return path.join(this.directory, 'caddy.socket');
  }

  get #configuration() {
    return ['--adapter', 'caddyfile', '--config', this.config];
  }
}

export const allProxies = () => [new Nginx(), new HaproxyHttp(), new HaproxyTcp(), new Caddy()];
