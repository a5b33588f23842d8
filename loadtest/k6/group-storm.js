// One group in which everybody is online and several write at a rate: each message goes to every member.
//
// Parameters: BASE_URL, GROUP_SIZE (50, at most 1,000), SENDERS (5), RATE (20 a second), DURATION (30s), PUSH_P99 (500 ms), PASSWORD.

import { check } from 'k6';
import { Counter } from 'k6/metrics';
import { setTimeout } from 'k6/timers';
import exec from 'k6/execution';
import { NOTHING_LOST, Socket, group, lost, number, people, pull, pushTime, send, setting, toGroup } from './lib/nexo.js';

const GROUP_SIZE = number('GROUP_SIZE', 50);
const SENDERS = number('SENDERS', 5);
const SECONDS = seconds(setting('DURATION', '30s'));
// Listeners come first and leave last.
const LEAD = 3;

const pushes = new Counter('nexo_pushes');

export const options = {
  setupTimeout: '20m',
  scenarios: {
    listen: {
      executor: 'per-vu-iterations',
      exec: 'listen',
      vus: GROUP_SIZE,
      iterations: 1,
      maxDuration: `${SECONDS + 60}s`,
    },
    speak: {
      executor: 'constant-arrival-rate',
      exec: 'speak',
      rate: number('RATE', 20),
      duration: `${SECONDS}s`,
      startTime: `${LEAD}s`,
      preAllocatedVUs: SENDERS,
    },
  },
  thresholds: Object.assign(
    { http_req_failed: ['rate==0'], nexo_send_to_push: [`p(99)<${number('PUSH_P99', 500)}`], nexo_pushes: ['count>0'] },
    NOTHING_LOST,
  ),
};

function seconds(duration) {
  const parts = /^(\d+)(s|m|h)$/.exec(duration);
  if (!parts) throw new Error('DURATION must be like 30s, 5m or 1h');
  return Number(parts[1]) * { s: 1, m: 60, h: 3600 }[parts[2]];
}

export function setup() {
  const members = people(GROUP_SIZE);
  return { members, room: group(members[0], members.slice(1), 'storm') };
}

export async function listen({ members }) {
  const me = (exec.vu.idInTest - 1) % GROUP_SIZE;
  const seqs = [];
  let conversation = '';
  const onPush = (message) => {
    pushes.add(1);
    conversation = message.conversation_id;
    seqs.push(message.seq);
    // Senders and listeners share a clock.
    pushTime.add(Date.now() - Number(message.content.text));
  };
  const socket = new Socket(members[me], { at: me, onPush });
  await socket.open;
  await new Promise((resolve) => setTimeout(resolve, (SECONDS + 2 * LEAD) * 1000));
  await socket.end();
  if (!check(seqs, { 'a member was told something': (got) => got.length > 0 })) return;
  // What is stored from others is what must have come.
  const due = [];
  for (let from = 0; ; ) {
    const { messages } = pull(members[me], conversation, from, me + 1);
    if (messages.length === 0) break;
    messages.filter((it) => it.sender_id !== members[me].id).forEach((it) => due.push(it.seq));
    from = messages[messages.length - 1].seq + 1;
  }
  const missing = due.filter((seq) => !seqs.includes(seq)).length;
  const doubled = seqs.length - new Set(seqs).size;
  if (missing + doubled > 0) lost.add(missing + doubled);
}

export function speak({ members, room }) {
  const me = exec.scenario.iterationInTest % SENDERS;
  send(members[me], toGroup(room, `${Date.now()}`), me);
}
