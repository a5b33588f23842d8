// Logins at a rate, a share of them with a wrong password, while people talk: who talks must not notice.
//
// Parameters: BASE_URL, USERS (20), LOGINS (50 a second), WRONG (0.5), RATE (20 messages a second), DURATION (30s),
// ACK_P99 (500 ms), PASSWORD.

import { check } from 'k6';
import { Trend } from 'k6/metrics';
import exec from 'k6/execution';
import { NOTHING_LOST, login, number, people, send, setting, toUser } from './lib/nexo.js';

const USERS = number('USERS', 20);
const LOGINS = number('LOGINS', 50);
const WRONG = number('WRONG', 0.5);
const DURATION = setting('DURATION', '30s');

const loginTime = new Trend('nexo_login', true);

export const options = {
  setupTimeout: '10m',
  scenarios: {
    logins: {
      executor: 'constant-arrival-rate',
      exec: 'logins',
      rate: LOGINS,
      duration: DURATION,
      preAllocatedVUs: LOGINS,
      maxVUs: LOGINS * 10,
    },
    talk: {
      executor: 'constant-arrival-rate',
      exec: 'talk',
      rate: number('RATE', 20),
      duration: DURATION,
      preAllocatedVUs: USERS,
    },
  },
  thresholds: Object.assign({ nexo_ack: [`p(99)<${number('ACK_P99', 500)}`] }, NOTHING_LOST),
};

export function setup() {
  return people(USERS);
}

export function logins(users) {
  const { id } = users[exec.scenario.iterationInTest % USERS];
  const wrong = Math.random() < WRONG;
  const password = wrong ? 'not the password' : undefined;
  // Platform 2: those who talk stay logged in on 1. A server that is asked for too much says 1006.
  const { code, took } = login(id, { at: exec.vu.idInTest, platform: 2, password, expected: [2005, 2008, 1006] });
  check(code, { 'a wrong password does not let in, and the right one does': (it) => it === 1006 || (it === 0) === !wrong });
  if (code !== 1006) loginTime.add(took);
}

export function talk(users) {
  const me = exec.scenario.iterationInTest % USERS;
  send(users[me], toUser(users[(me + 1) % USERS].id, 'undisturbed'), me);
}
