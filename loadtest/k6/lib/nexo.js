// What all scripts share: where the nodes are, the calls of the API, and what every answer has to be.

import http from 'k6/http';
import { check } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { WebSocket } from 'k6/websockets';

// Milliseconds from sending a message to its ack, and to its push on another socket.
export const ackTime = new Trend('nexo_ack', true);
export const pushTime = new Trend('nexo_send_to_push', true);
// Messages that were acked and did not come where they should have, or came out of order. One is too many.
export const lost = new Counter('nexo_lost');
// Answers with code 1006, which say when to come back.
export const limited = new Counter('nexo_limited');

// What no run may have.
export const NOTHING_LOST = { nexo_lost: ['count==0'], checks: ['rate==1'] };

export function setting(name, otherwise) {
  const given = __ENV[name];
  return given === undefined || given === '' ? otherwise : given;
}

export function number(name, otherwise) {
  const value = Number(setting(name, otherwise));
  if (!Number.isFinite(value)) throw new Error(`${name} must be a number`);
  return value;
}

const NODES = setting('BASE_URL', 'http://127.0.0.1:8080').split(',').map((url) => url.trim().replace(/\/$/, ''));
const PASSWORD = setting('PASSWORD', 'k6-password');

// Calls and sockets are spread over the nodes by a number.
function node(at) {
  return NODES[at % NODES.length];
}

// One call; answers { code, data }. Any code but 0 and those in `expected` fails a check.
export function call(method, path, { at = 0, token = '', body = null, expected = [] } = {}) {
  const headers = { 'Content-Type': 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  const name = `${method} ${path.split('?')[0]}`;
  const allowed = expected.length > 0 ? http.expectedStatuses({ min: 200, max: 499 }) : http.expectedStatuses(200);
  const params = { headers, tags: { name }, responseCallback: allowed };
  const answer = http.request(method, node(at) + path, body === null ? null : JSON.stringify(body), params);
  let envelope = { code: -1, data: null };
  try {
    envelope = answer.json();
  } catch (error) {
    // No envelope: the check below says so.
  }
  if (envelope.code === 1006) limited.add(1);
  const good = envelope.code === 0 || expected.includes(envelope.code);
  check(answer, { [`${name} is answered as it should be`]: () => good });
  if (!good) console.error(`${name}: HTTP ${answer.status}, ${answer.body || answer.error}`);
  return { code: envelope.code, data: envelope.data, took: answer.timings.duration };
}

export function register(id, at) {
  return call('POST', '/auth/register', { at, body: { user_id: id, nickname: id, password: PASSWORD } });
}

export function login(id, { at = 0, platform = 1, password = PASSWORD, expected = [] } = {}) {
  return call('POST', '/auth/login', { at, body: { user_id: id, password, platform_id: platform }, expected });
}

// Registers users and logs them in: [{ id, token }]. Two password hashes each: about 25 users a second and core.
export function people(count) {
  const run = `k${Date.now().toString(36)}`;
  return Array.from({ length: count }, (_, index) => {
    const id = `${run}-${index}`;
    register(id, index);
    return { id, token: login(id, { at: index }).data.token };
  });
}

export function group(owner, members, name) {
  const body = { name, member_ids: members.map((member) => member.id) };
  return call('POST', '/group/create', { token: owner.token, body }).data.id;
}

let serial = 0;
// An id that no other message has.
export function messageId() {
  serial += 1;
  return `${__VU}-${__ITER}-${serial}-${Date.now()}`;
}

export function toUser(id, text) {
  return { client_msg_id: messageId(), recv_id: id, session_type: 1, msg_type: 1, content: { text } };
}

export function toGroup(id, text) {
  return { client_msg_id: messageId(), group_id: id, session_type: 2, msg_type: 1, content: { text } };
}

// Sends over REST; answers the stored message, or null.
export function send(sender, message, at) {
  const { code, data, took } = call('POST', '/msg/send', { at, token: sender.token, body: message });
  if (code !== 0) return null;
  ackTime.add(took);
  check(data, { 'an ack has the id that was sent': (stored) => stored.client_msg_id === message.client_msg_id });
  return data;
}

// The messages from a seq on, one page.
export function pull(person, conversation, from, at) {
  const path = `/msg/pull?conversation_id=${encodeURIComponent(conversation)}&begin_seq=${from}`;
  return call('GET', path, { at, token: person.token }).data;
}

// A socket: `ask` answers with a promise of the envelope, `onPush` is called with each message, `onEvent` with each event.
export class Socket {
  constructor(person, { at = 0, query = '', onPush = () => {}, onEvent = () => {} } = {}) {
    this.waiting = new Map();
    this.asked = 0;
    this.lastPush = '';
    const url = `${node(at).replace(/^http/, 'ws')}/ws?${query}`;
    this.ws = new WebSocket(url, null, { headers: { Authorization: `Bearer ${person.token}` } });
    this.ws.onmessage = (event) => {
      const frame = JSON.parse(event.data);
      if (frame.push_id) this.lastPush = frame.push_id;
      if (frame.id !== undefined) {
        const answer = this.waiting.get(frame.id);
        this.waiting.delete(frame.id);
        if (answer) answer(frame);
      } else if (frame.event !== undefined) {
        onEvent(frame);
      } else {
        onPush(frame);
      }
    };
    this.open = new Promise((resolve, reject) => {
      this.ws.onopen = resolve;
      this.ws.onerror = (error) => {
        check(null, { 'a socket works': () => false });
        console.error(`a socket: ${error.error}`);
        reject(new Error(error.error));
      };
    });
    this.closed = new Promise((resolve) => {
      this.ws.onclose = resolve;
    });
  }

  ask(op, data) {
    this.asked += 1;
    const id = `${this.asked}`;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.ws.send(JSON.stringify({ id, op, data }));
    });
  }

  // Sends a message; answers the stored one, or null.
  async send(message) {
    const begun = Date.now();
    const { code, msg, data } = await this.ask('send', message);
    check(code, { 'a send over a socket is acked': (it) => it === 0 });
    if (code !== 0) {
      console.error(`send: ${code} ${msg}`);
      return null;
    }
    ackTime.add(Date.now() - begun);
    return data;
  }

  // Ends once everything that was written before has come.
  async end() {
    await this.ask('ping', {});
    this.ws.close();
    await this.closed;
  }
}
