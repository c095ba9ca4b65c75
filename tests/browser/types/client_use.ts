// A program that uses each call and event of the browser client. It is compiled and never run. Where
// an error is expected, its absence is an error.

import { ChannelClient, ChannelError, connect, randomKey } from '../../../ws_edge/web/channel.js';
import type {
  ChannelErrorEvent,
  ClientErrorCode,
  Counters,
  ErrorCode,
  GapEvent,
  Position,
  Publication,
  PublicationEvent,
  Sent,
  ServerErrorCode,
  Subscription,
} from '../../../ws_edge/web/channel.js';

interface Chat {
  text: string;
}

const channel: ChannelClient = connect('wss://127.0.0.1:1234/', { queueMessagesMax: 10 });
connect();
connect(null, { WebSocket: class {}, sendTimeoutMs: 1000, queueBytesMax: 1 << 20 });
channel.addEventListener('state', ({ state, code, reason, delayMs }) => {
  const end: boolean = state === 'stopped';
  console.log(end, code?.toFixed(), reason?.trim(), delayMs?.toFixed());
});
channel.addEventListener('error', ({ code, message }: ChannelErrorEvent) =>
  console.log(code, message),
);
// @ts-expect-error: a client has no such event
channel.addEventListener('message', () => {});
// @ts-expect-error: no such state
if (channel.state === 'closed') channel.close();
if (channel.state === 'unavailable' || channel.state === 'unreachable') channel.retryNow();

const codes: ErrorCode[] = ['too_large', 'queue_full', 'a code of a newer server'];
const known: (ServerErrorCode | ClientErrorCode)[] = ['unavailable', 'hole'];
// @ts-expect-error: no server has this code
const unknown: ServerErrorCode = 'queue_full';
console.log(codes, known, unknown);

const kept: Position | null = JSON.parse('null');
const room: Subscription<Chat> = channel.join<Chat>(123, { since: kept });
channel.join('456', { last: 50 }).leave();
const onMessage = ({
  message,
  offset,
  previousOffset,
  time,
  key,
  data,
}: PublicationEvent<Chat>) => {
  console.log(
    message?.text.trim(),
    offset - previousOffset,
    new Date(time),
    key?.length,
    data?.length,
  );
};
room.addEventListener('message', onMessage, { once: true });
room.removeEventListener('message', onMessage);
room.addEventListener('gap', ({ reason, after, before, epoch }: GapEvent) => {
  if (reason === 'epoch') console.log(epoch, before - after);
});
room.addEventListener('state', ({ state, recovered, error }) => {
  if (state === 'failed') console.log(error?.code, recovered);
});
// @ts-expect-error: no such reason
room.addEventListener('gap', ({ reason }) => reason === 'unknown');
// @ts-expect-error: a subscription comes from join
new Subscription();
const target: EventTarget = room;
for (const each of [target, channel, channel.join('any')]) each.dispatchEvent(new Event('x'));
room.addEventListener('message', {
  handleEvent(event) {
    // @ts-expect-error: bytes may have been published, and then there is none
    console.log(event.message.text);
    if (event.data) {
      const nothing: undefined = event.message;
      const bytes: Uint8Array = event.data;
      console.log(nothing, bytes.length);
    } else {
      console.log(event.message.text);
    }
  },
});
// Of what may be anything, such as in the README.
channel.join('123').addEventListener('message', ({ message, time }) => {
  console.log(new Date(time), message);
});
room.addEventListener('message', null);
// @ts-expect-error: no such event
room.removeEventListener('closed', () => {});

export async function talk(): Promise<Publication<Chat>[]> {
  const joined: Position = await room.joined;
  const sent: Sent = await room.send({ text: 'hello' }, { key: randomKey(), timeoutMs: 5000 });
  console.log(joined.epoch === sent.epoch, sent.duplicate, room.position?.offset, channel.server);
  try {
    await channel.send('789', ['any', { json: null }]);
    await channel.send<Chat>('789', { text: 'typed' });
    await room.send(new Uint8Array([0, 255]));
    await channel.send('789', new ArrayBuffer(3));
    // @ts-expect-error: not what this room is for
    await room.send({ words: 'hello' });
    // @ts-expect-error: nor is a bare string
    await room.send('hello');
  } catch (error) {
    if (error instanceof ChannelError && error.maybePublished) console.log(error.code, error.group);
  }
  channel.retryNow();
  const counters: Readonly<Counters> = channel.counters;
  // @ts-expect-error: they are for reading
  counters.missed = 0;
  const { publications, more, recovered } = await room.history({ last: 10, limit: 5 });
  return more && recovered ? publications : [];
}
