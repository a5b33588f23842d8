// Sends over REST at a rate, from pair to pair; each twentieth is repeated, and each tenth is pulled.
//
// Parameters: BASE_URL, USERS (20), RATE (100 a second), DURATION (30s), ACK_P99 (250 ms), PASSWORD.

import { check } from 'k6';
import exec from 'k6/execution';
import { NOTHING_LOST, lost, number, people, pull, send, setting, toUser } from './lib/nexo.js';

const USERS = number('USERS', 20);
const RATE = number('RATE', 100);

export const options = {
  setupTimeout: '10m',
  scenarios: {
    sends: {
      executor: 'constant-arrival-rate',
      rate: RATE,
      duration: setting('DURATION', '30s'),
      preAllocatedVUs: Math.min(RATE, USERS),
      maxVUs: USERS,
    },
  },
  thresholds: Object.assign(
    {
      http_req_failed: ['rate==0'],
      nexo_ack: [`p(99)<${number('ACK_P99', 250)}`],
      dropped_iterations: [`count<${Math.max(RATE / 10, 1)}`],
    },
    NOTHING_LOST,
  ),
};

export function setup() {
  return people(USERS);
}

// Each VU is a sender of its own, so its seqs must grow.
let last = 0;

export default function (users) {
  const me = exec.vu.idInTest % USERS;
  const other = users[(me + 1) % USERS];
  const message = toUser(other.id, `message ${exec.scenario.iterationInTest}`);
  const stored = send(users[me], message, me);
  if (stored === null) return;
  check(stored, { 'seqs grow': ({ seq }) => seq > last });
  last = stored.seq;
  if (exec.vu.iterationInScenario % 20 === 0) {
    const again = send(users[me], message, me + 1);
    check(again, { 'a repeat is the same message': (repeat) => repeat !== null && repeat.seq === stored.seq });
  }
  if (exec.vu.iterationInScenario % 10 === 0) {
    const { messages } = pull(other, stored.conversation_id, stored.seq, me + 1);
    const found = messages.length > 0 && messages[0].client_msg_id === stored.client_msg_id;
    if (!found) lost.add(1);
  }
}
