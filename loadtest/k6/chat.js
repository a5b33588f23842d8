// People on WebSockets: each VU is a pair, of whom one writes every INTERVAL_MS and the other listens.
//
// Parameters: BASE_URL, PAIRS (20), DURATION (30s), INTERVAL_MS (500), PUSH_P99 (250 ms), PASSWORD.

import { check } from 'k6';
import { setTimeout } from 'k6/timers';
import exec from 'k6/execution';
import { NOTHING_LOST, Socket, lost, number, people, pushTime, setting, toUser } from './lib/nexo.js';

const PAIRS = number('PAIRS', 20);
const INTERVAL_MS = number('INTERVAL_MS', 500);
// What one iteration sends over the same two sockets.
const SESSION = 10;

export const options = {
  setupTimeout: '10m',
  scenarios: {
    chat: { executor: 'constant-vus', vus: PAIRS, duration: setting('DURATION', '30s'), gracefulStop: '1m' },
  },
  thresholds: Object.assign({ nexo_send_to_push: [`p(99)<${number('PUSH_P99', 250)}`] }, NOTHING_LOST),
};

export function setup() {
  return people(2 * PAIRS);
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export default async function (users) {
  const pair = exec.vu.idInTest % PAIRS;
  const [writer, reader] = [users[2 * pair], users[2 * pair + 1]];
  const [sent, heard] = [new Map(), []];
  const onPush = (message) => {
    heard.push(message.client_msg_id);
    if (sent.has(message.client_msg_id)) pushTime.add(Date.now() - sent.get(message.client_msg_id));
  };
  const sockets = [new Socket(writer, { at: pair }), new Socket(reader, { at: pair + 1, onPush })];
  await Promise.all(sockets.map((socket) => socket.open));
  await sockets[1].ask('ping', {});
  const acked = [];
  for (let n = 0; n < SESSION; n += 1) {
    const message = toUser(reader.id, `line ${n}`);
    sent.set(message.client_msg_id, Date.now());
    const stored = await sockets[0].send(message);
    if (stored !== null) acked.push(stored.client_msg_id);
    await pause(INTERVAL_MS);
  }
  // A push may be on its way between two nodes.
  for (let look = 0; look < 50 && heard.length < acked.length; look += 1) await pause(100);
  await Promise.all(sockets.map((socket) => socket.end()));
  check(heard, { 'everything acked was pushed, once and in order': (ids) => ids.join() === acked.join() });
  if (heard.join() !== acked.join()) lost.add(1);
}
