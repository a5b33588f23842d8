// Everything at a steady pace for a long time: sends, pulls, lists, marks, and sockets that leave and come back.
//
// Parameters: BASE_URL, USERS (50), RATE (50 messages a second), DURATION (1h), ACK_P99 (250 ms), PASSWORD.

import { check } from 'k6';
import { setTimeout } from 'k6/timers';
import exec from 'k6/execution';
import { NOTHING_LOST, Socket, call, lost, number, people, pull, send, setting, toUser } from './lib/nexo.js';

const USERS = number('USERS', 50);
const RATE = number('RATE', 50);
const DURATION = setting('DURATION', '1h');
// For how long a socket stays, and how long it is away.
const STAY_MS = number('STAY_MS', 20000);
const AWAY_MS = number('AWAY_MS', 2000);

const rate = (name, perSecond) => ({
  executor: 'constant-arrival-rate',
  exec: name,
  rate: Math.max(Math.round(perSecond), 1),
  duration: DURATION,
  preAllocatedVUs: USERS,
});

export const options = {
  setupTimeout: '10m',
  scenarios: {
    sends: rate('sends', RATE),
    reads: rate('reads', RATE / 5),
    sockets: { executor: 'constant-vus', exec: 'sockets', vus: USERS, duration: DURATION, gracefulStop: '2m' },
  },
  thresholds: Object.assign(
    { http_req_failed: ['rate<0.001'], nexo_ack: [`p(99)<${number('ACK_P99', 250)}`] },
    NOTHING_LOST,
  ),
};

export function setup() {
  return people(USERS);
}

export function sends(users) {
  const me = exec.scenario.iterationInTest % USERS;
  const step = 1 + (exec.scenario.iterationInTest % 3);
  send(users[me], toUser(users[(me + step) % USERS].id, `${exec.scenario.iterationInTest}`), me);
}

export function reads(users) {
  const me = users[exec.scenario.iterationInTest % USERS];
  const list = call('GET', '/conversation/list', { at: exec.vu.idInTest, token: me.token }).data || [];
  const first = list.find((conversation) => conversation.unread_count > 0);
  if (first === undefined) return;
  const { messages, max_seq: top } = pull(me, first.conversation_id, first.read_seq + 1, exec.vu.idInTest);
  check(messages, { 'what is unread can be pulled': (found) => found.length > 0 });
  const mark = { conversation_id: first.conversation_id, read_seq: top };
  call('POST', '/conversation/mark_read', { token: me.token, body: mark });
}

// Where a user was when it left, and what had come until then; by VU.
let left = '';
const seen = new Set();

export async function sockets(users) {
  const me = exec.vu.idInTest % USERS;
  let [twice, recovered] = [0, left === ''];
  const onPush = (message) => {
    const key = `${message.conversation_id} ${message.seq}`;
    if (seen.has(key)) twice += 1;
    seen.add(key);
  };
  const onEvent = (event) => {
    if (event.event === 'recovered') recovered = event.whole;
  };
  const query = left === '' ? '' : `after=${encodeURIComponent(left)}`;
  const socket = new Socket(users[me], { at: exec.vu.iterationInScenario, query, onPush, onEvent });
  await socket.open;
  await new Promise((resolve) => setTimeout(resolve, STAY_MS));
  await socket.end();
  check(recovered, { 'whoever comes back is told all that was missed': (whole) => whole });
  if (twice > 0) lost.add(twice);
  left = socket.lastPush;
  seen.clear();
  await new Promise((resolve) => setTimeout(resolve, AWAY_MS));
}
