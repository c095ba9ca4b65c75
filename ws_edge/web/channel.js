// The browser client of Channel: groups over one WebSocket, and nothing is lost in silence.
//
//   import { connect } from '/channel.js';
//   const channel = connect(); // to the edge that served this file
//   channel.addEventListener('state', ({ state }) => console.log(state));
//
//   const room = channel.join('123', { last: 50 });
//   room.addEventListener('message', ({ message, time }) => console.log(new Date(time), message));
//   room.addEventListener('gap', ({ reason }) => console.log(`something is missing: ${reason}`));
//   room.addEventListener('error', ({ code, message }) => console.log(code, message));
//   const { offset } = await room.send({ text: 'hello' });
//   console.log(`message ${offset} is in the log; join('123', { since }) resumes`, room.position);
//
// channel.d.ts describes every call, event and promise.

export * from './client/index.js';
