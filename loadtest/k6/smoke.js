// Everything once: a deployment that passes is wired up right.
//
// Parameters: BASE_URL, PASSWORD.

import { check } from 'k6';
import { Socket, NOTHING_LOST, call, group, lost, people, pull, send, toGroup, toUser } from './lib/nexo.js';

export const options = {
  scenarios: { smoke: { executor: 'per-vu-iterations', vus: 1, iterations: 1, maxDuration: '1m' } },
  thresholds: Object.assign({ http_req_failed: ['rate==0'] }, NOTHING_LOST),
};

export default async function () {
  const [ann, bob, cho] = people(3);
  const pushes = [];
  const socket = new Socket(bob, { onPush: (message) => pushes.push(message.client_msg_id) });
  await socket.open;
  await socket.ask('ping', {});

  const message = toUser(bob.id, 'hello');
  const first = send(ann, message, 0);
  const again = send(ann, message, 1);
  check(again, { 'a repeat is the same message': (repeat) => repeat.seq === first.seq && repeat.send_at === first.send_at });
  const answer = await socket.send(toUser(ann.id, 'hello back'));
  const room = group(ann, [bob, cho], 'smoke');
  const inGroup = send(ann, toGroup(room, 'hello all'), 0);

  const page = pull(bob, first.conversation_id, 0, 1);
  check(page, { 'a pull has both': ({ messages }) => messages.map((it) => it.seq).join() === `${first.seq},${answer.seq}` });
  const list = call('GET', '/conversation/list', { token: bob.token }).data;
  check(list, { 'the list has both conversations': (conversations) => conversations.length === 2 });
  const unread = () => {
    const path = `/conversation/unread_count?conversation_id=${encodeURIComponent(inGroup.conversation_id)}`;
    return call('GET', path, { token: bob.token }).data.unread_count;
  };
  check(unread(), { 'the message of the group is unread': (count) => count === 1 });
  const mark = { conversation_id: inGroup.conversation_id, read_seq: inGroup.seq };
  call('POST', '/conversation/mark_read', { token: bob.token, body: mark });
  check(unread(), { 'and then it is read': (count) => count === 0 });

  await socket.end();
  const due = [first.client_msg_id, inGroup.client_msg_id];
  check(pushes, { 'every message is pushed, once and in order': (got) => got.join() === due.join() });
  if (pushes.join() !== due.join()) lost.add(1);
  call('POST', '/auth/logout', { token: cho.token, body: {} });
  const { code } = call('GET', '/user/info', { token: cho.token, expected: [2001] });
  check(code, { 'a token that was logged out is refused': (it) => it === 2001 });
}
