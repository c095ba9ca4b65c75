// Group messaging as it is mostly built on Node: npm's ws for the sockets, Redis between processes.
// It speaks the plain dialect of Channel's edge. Two ways to hand a message to the members:
//
// - plain: `socket.send(buffer)` for each member, as the README of ws broadcasts. With one message
//   pending it cost 1.1 to 1.4 times what the other way does, with eight 3.3 to 5 times.
// - corked: what our edge does, by hand and around ws. Each message is framed once, by ws's own
//   Sender.frame, for all members. A member's TCP socket is corked at its first message of a turn
//   and uncorked in nextTick: what Redis delivers in one read leaves in one writev. setImmediate
//   instead of nextTick cost up to 5 % more, a queue for each member and Buffer.concat the same;
//   framed once but not corked: 0.96 times with one message pending, 3.4 times with eight.
//
// Both were tuned:
// - PUBLISH: Redis's socket is corked until setImmediate. ioredis's own automatic pipelining cost
//   the whole 8 to 18 % more in groups of 10, one write for each PUBLISH about as much.
// - Not worth it: bufferutil (no difference with Node 20), larger semispaces for the collector
//   (within the noise).
//
//   node ws_redis.mjs PORT REDIS_PORT plain|corked      prints "ready"
import { Redis } from 'ioredis';
import { Sender, WebSocket, WebSocketServer } from 'ws';

const HOST = '127.0.0.1';
const TEXT_FRAME = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false };

const [port, redisPort] = process.argv.slice(2, 4).map(Number);
const deliver = process.argv[4] === 'corked' ? deliverCorked : deliverPlain;
const publisher = new Redis({ host: HOST, port: redisPort, enableReadyCheck: false });
const subscriber = new Redis({ host: HOST, port: redisPort, enableReadyCheck: false });

const groups = new Map(); // name → Set of members: { socket, tcp, corked }

const corked = [];

function cork(member) {
  member.corked = true;
  member.tcp.cork();
  if (corked.push(member) === 1) process.nextTick(uncork);
}

function uncork() {
  for (const member of corked) {
    member.corked = false;
    member.tcp.uncork();
  }
  corked.length = 0;
}

subscriber.on('messageBuffer', (group, message) => {
  const members = groups.get(group.toString());
  if (members === undefined) return;
  deliver(members, message);
});

function deliverPlain(members, message) {
  for (const { socket } of members) {
    if (socket.readyState === WebSocket.OPEN) socket.send(message, { binary: false });
  }
}

function deliverCorked(members, message) {
  const frame = Buffer.concat(Sender.frame(message, TEXT_FRAME));
  for (const member of members) {
    if (member.socket.readyState !== WebSocket.OPEN) continue;
    if (!member.corked) cork(member);
    member.tcp.write(frame);
  }
}

let publishing = false;

function publish(group, message) {
  if (!publishing) {
    publishing = true;
    publisher.stream.cork();
    setImmediate(() => {
      publishing = false;
      publisher.stream.uncork();
    });
  }
  publisher.publish(group, message);
}

function join(group, member) {
  let members = groups.get(group);
  if (members === undefined) {
    groups.set(group, (members = new Set()));
    subscriber.subscribe(group);
  }
  members.add(member);
}

function leave(group, member) {
  const members = groups.get(group);
  if (!members?.delete(member) || members.size > 0) return;
  groups.delete(group);
  subscriber.unsubscribe(group);
}

const server = new WebSocketServer({
  host: HOST, port, backlog: 4096, perMessageDeflate: false, clientTracking: false,
});

server.on('connection', (socket, request) => {
  const member = { socket, tcp: request.socket, corked: false };
  const joined = [];
  socket.on('message', (data) => {
    const { cmd, group_id: group, message } = JSON.parse(data);
    if (cmd === 'send_to_group') {
      publish(group, message);
    } else if (cmd === 'add_group') {
      join(group, member);
      joined.push(group);
    } else if (cmd === 'leave_group') {
      leave(group, member);
    }
  });
  socket.on('close', () => {
    for (const group of joined) leave(group, member);
  });
});

server.on('listening', async () => {
  await Promise.all([publisher.ping(), subscriber.ping()]);
  console.log('ready');
});
