// Converts messages: a value of the page to the body of a frame, and a frame to a publication.

import { DEPTH_MAX } from './limits.js';
import { ChannelError } from './events.js';

// JSON.stringify escapes a surrogate only if its other half is missing.
export const HALF_CHARACTER = /[^\\](?:\\\\)*\\ud/;

// Types that people often try to send, and what to send in their place.
const INSTEAD = new Map(Object.entries({
  Map: 'Object.fromEntries(map)',
  Set: '[...set]',
  Promise: 'what it resolves with: await it',
  Error: 'its message',
  Blob: 'await blob.arrayBuffer()',
  File: 'await file.arrayBuffer()',
  SharedArrayBuffer: 'a Uint8Array of it',
}));
const ALLOWED =
  'Allowed are null, booleans, finite numbers, strings, arrays, plain objects and what has ' +
  'toJSON; and bytes, alone: an ArrayBuffer or a view of one';

const builtInName = (value) => Object.prototype.toString.call(value).slice(8, -1);

// The bytes of an ArrayBuffer or of a view of one; undefined for anything else.
function bytesOf(value) {
  if (ArrayBuffer.isView(value)) {
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  }
  return builtInName(value) === 'ArrayBuffer' ? new Uint8Array(value) : undefined;
}

function toBase64(bytes) {
  let text = '';
  const step = 8192; // as many arguments as a call surely takes
  for (let i = 0; i < bytes.length; i += step) {
    text += String.fromCharCode(...bytes.subarray(i, i + step));
  }
  return btoa(text);
}

// Why JSON would leave the value out, or make null or {} of it, without a word; undefined if it
// would not. original: the value before its toJSON.
function unsendableBecause(value, original, isMember) {
  if (bytesOf(original)) return 'bytes inside of something else; send them alone, or as a string';
  if (value === null) return builtInName(original) === 'Date' ? 'an invalid Date' : undefined;
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? undefined : String(value);
    case 'undefined':
      return isMember ? undefined : 'undefined'; // such a member is left out
    case 'bigint':
      return 'a BigInt; send String(it)';
    case 'function':
    case 'symbol':
      return `a ${typeof value}`;
    case 'object':
      break;
    default:
      return undefined;
  }
  const name = builtInName(value);
  if (['Array', 'Number', 'String', 'Boolean'].includes(name)) return undefined;
  if (INSTEAD.has(name)) return `a ${name}; send ${INSTEAD.get(name)}`;
  if (name !== 'Object') return `a ${name}`;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  if (isPlain || Object.keys(value).length > 0) return undefined;
  return `an instance of ${prototype.constructor?.name || 'a class'} without fields`;
}

// Like JSON.stringify, but a value that it would change is a TypeError.
function toJson(message, group) {
  const holders = []; // from the message down to the value that is checked
  const names = [];
  return JSON.stringify(message, function check(name, value) {
    while (holders.length > 0 && holders.at(-1) !== this) holders.pop();
    names[holders.length] = Array.isArray(this) ? `[${name}]` : `.${name}`;
    const isMember = holders.length > 0 && !Array.isArray(this);
    const why = holders.includes(value)
      ? 'an object that it is inside of'
      : unsendableBecause(value, this[name], isMember);
    if (why) {
      const where = ['the message', ...names.slice(1, holders.length + 1)].join('');
      throw new TypeError(`${where} is ${why}. ${ALLOWED}`);
    }
    if (typeof value === 'object' && value !== null && holders.push(value) >= DEPTH_MAX) {
      const text = `the message is nested deeper than ${DEPTH_MAX - 1} levels`;
      throw new ChannelError('bad_request', `the server could not read it: ${text}`, { group });
    }
    return value;
  });
}

// The message as a member of the frame that it is sent in.
export function toBody(message, group) {
  const bytes = bytesOf(message);
  return bytes ? `"data":"${toBase64(bytes)}"` : `"message":${toJson(message, group)}`;
}

export function toPublication(frame) {
  const publication = {
    group: frame.group_id,
    epoch: frame.epoch,
    offset: frame.offset,
    previousOffset: frame.previous_offset,
    time: frame.time_unix_ms,
  };
  if (frame.key !== undefined) publication.key = frame.key;
  if (frame.data !== undefined) {
    publication.data = Uint8Array.from(atob(frame.data), (char) => char.charCodeAt(0));
  } else {
    publication.message = frame.message;
  }
  return publication;
}
