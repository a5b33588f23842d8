/** What happens between the list and the log, at moments that a real server gives once in a long time. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { type ClientOptions, MemoryStore, NexoClient } from '../../src/index.js';
import type { Conversation, Login, Message } from '../../src/types.js';
import { FakeSocket } from '../support/fakes.js';
import { until } from '../support/people.js';

const ID = 'si_ann:bob';

/** A server by REST: one conversation, and lists that come when the test says so. */
class FakeServer {
  maxSeq = 0;
  pinned = false;
  lists = 0;
  /** Lists that wait; `undefined` answers at once. */
  held: (() => void)[] | undefined;

  fetch = async (input: unknown, init?: RequestInit): Promise<Response> => {
    const url = new URL(String(input));
    return Response.json({ code: 0, msg: 'success', data: await this.#answer(url, init) });
  };

  #answer(url: URL, init?: RequestInit): unknown {
    switch (url.pathname) {
      case '/auth/login': {
        const { user_id } = JSON.parse(String(init?.body)) as Login;
        return { token: `token of ${user_id}`, expires_at: Date.now() + 3_600_000, user_info: { user_id } };
      }
      case '/conversation/list':
        return this.#list();
      case '/conversation/info':
        return this.#conversation();
      case '/msg/pull': {
        const [begin, end] = ['begin_seq', 'end_seq'].map((name) => Number(url.searchParams.get(name)));
        const seqs = Array.from({ length: this.maxSeq }, (_, at) => at + 1).filter((seq) => seq >= (begin ?? 0) && seq <= (end ?? 0));
        return { messages: seqs.map(message), max_seq: this.maxSeq };
      }
      default:
        return null;
    }
  }

  async #list(): Promise<Conversation[]> {
    this.lists += 1;
    // As a server does: what is read is as old as the call.
    const found = this.maxSeq > 0 ? [this.#conversation()] : [];
    const { held } = this;
    if (held) await new Promise<void>((resolve) => held.push(resolve));
    return found;
  }

  #conversation(): Conversation {
    const names = { conversation_id: ID, conversation_type: 1 as const, peer_user_id: 'bob', group_id: '' };
    const settings = { recv_msg_opt: 0 as const, is_pinned: this.pinned, updated_at: this.maxSeq };
    return { ...names, ...settings, unread_count: this.maxSeq, max_seq: this.maxSeq, read_seq: 0 };
  }
}

function message(seq: number): Message {
  const names = { conversation_id: ID, client_msg_id: `m${seq}`, sender_id: 'bob', recv_id: 'ann', group_id: '' };
  return { ...names, seq, session_type: 1, msg_type: 1, content: { text: String(seq) }, send_at: seq };
}

let server: FakeServer;
let seen: number[];
beforeEach(() => {
  server = new FakeServer();
  seen = [];
  FakeSocket.opened.length = 0;
});

const login = (user_id: string): Login => ({ user_id, password: 'correct horse', platform_id: 5 });

async function client(store = new MemoryStore(), more: Partial<ClientOptions> = {}): Promise<NexoClient> {
  const backoff = { firstMs: 1, longestMs: 1 };
  const made = new NexoClient({ url: 'http://nexo', WebSocket: FakeSocket, fetch: server.fetch, store, backoff, ...more });
  made.on('message', ({ seq }) => seen.push(seq));
  await made.login(login('ann'));
  return made;
}

const socket = (number: number): FakeSocket => FakeSocket.opened[number - 1] ?? assert.fail(`no socket ${number}`);
const sockets = (count: number): Promise<void> => until(() => FakeSocket.opened.length === count, `${count} sockets`);

test('what came between two sockets is found, though the list of the first one was answered after the second was opened', async () => {
  const ann = await client();
  server.held = [];
  ann.connect();
  socket(1).greets('p1');
  await until(() => server.held?.length === 1, 'the list is asked for');
  socket(1).ends(1006);
  await sockets(2);
  assert.doesNotMatch(socket(2).url, /after/);
  server.maxSeq = 1;
  server.held[0]?.();
  await until(() => ann.state === 'connecting', 'the first list is there');
  await new Promise((resolve) => setImmediate(resolve));
  socket(2).greets('p2');
  await until(() => server.held?.length === 2, 'the list is asked for again');
  server.held[1]?.();
  await until(() => ann.isSynced, 'nothing is missing');
  assert.deepEqual(seen, [1]);
  await ann.close();
});

test('the position stands still until the list is there', async () => {
  const store = new MemoryStore();
  const ann = await client(store);
  ann.connect();
  socket(1).greets('p1');
  await until(() => ann.isSynced, 'nothing is missing');
  server.held = [];
  socket(1).ends(1006);
  await sockets(2);
  assert.match(socket(2).url, /after=p1$/);
  socket(2).greets('p9');
  server.maxSeq = 3;
  socket(2).says({ event: 'recovered', whole: false, conversations: [{ conversation_id: ID, max_seq: 3 }], push_id: 'p9' });
  socket(2).says({ ...message(4), push_id: 'p10' });
  server.maxSeq = 4;
  socket(2).ends(1006);
  await sockets(3);
  assert.match(socket(3).url, /after=p1$/, 'what the list would have said is not known yet');
  for (const release of server.held) release();
  socket(3).greets('p11');
  socket(3).says({ event: 'recovered', whole: true, push_id: 'p11' });
  await until(() => seen.length === 4, 'all are there');
  assert.deepEqual(seen, [1, 2, 3, 4]);
  await ann.close();
});

test('a read mark that comes before the list does not make history news', async () => {
  server.maxSeq = 5;
  const failing = server.fetch;
  let down = true;
  server.fetch = (input, init) =>
    down && String(input).includes('/conversation/') ? Promise.reject(new Error('down')) : failing(input, init);
  const ann = await client();
  ann.connect();
  socket(1).greets('p1');
  socket(1).says({ event: 'conversation_read', conversation_id: ID, read_seq: 2, push_id: 'p2' });
  socket(1).says({ ...message(6), push_id: 'p3' });
  server.maxSeq = 6;
  down = false;
  await until(() => ann.isSynced, 'nothing is missing');
  assert.deepEqual(seen, [6], 'what came after the greeting is news, whatever the list says');
  await ann.close();
});

test('who logs in again goes on where it was, and another user begins', async () => {
  const here = await client();
  here.connect();
  socket(1).greets('p1');
  server.maxSeq = 1;
  socket(1).says({ ...message(1), push_id: 'p2' });
  await until(() => here.isSynced, 'nothing is missing');
  await here.logout();
  await here.login(login('ann'));
  here.connect();
  assert.match(socket(2).url, /after=p2$/);
  server.maxSeq = 2;
  socket(2).greets('p3');
  for (const seq of [1, 2]) socket(2).says({ ...message(seq), push_id: 'p3' });
  socket(2).says({ event: 'recovered', whole: true, push_id: 'p3' });
  await until(() => here.isSynced, 'nothing is missing');
  assert.deepEqual(seen, [1, 2]);
  await here.logout();
  await here.login(login('bob'));
  here.connect();
  assert.doesNotMatch(socket(3).url, /after/);
  await here.logout();
  await here.login(login('ann'));
  here.connect();
  assert.match(socket(4).url, /after=p3$/);
  await here.close();
});

test('where the log of one server stands is nothing to another one', async () => {
  const store = new MemoryStore();
  const here = await client(store);
  here.connect();
  socket(1).greets('p1');
  await until(() => here.isSynced, 'nothing is missing');
  await here.close();
  const there = await client(store, { url: 'http://other' });
  there.connect();
  assert.doesNotMatch(socket(2).url, /after/);
  await there.close();
});

test('credentials of another user begin at the log of that one', async () => {
  const here = await client(new MemoryStore(), { credentials: () => Promise.resolve(login('bob')) });
  here.connect();
  socket(1).greets('p1');
  await until(() => here.isSynced, 'nothing is missing');
  socket(1).ends(4002);
  await sockets(2);
  assert.equal(here.user_id, 'bob');
  assert.doesNotMatch(socket(2).url, /after/);
  await here.close();
});

test('settings are taken from their event, and a list that was asked for before does not undo them', async () => {
  server.maxSeq = 1;
  const ann = await client();
  const isPinned = (): boolean | undefined => ann.conversation(ID)?.is_pinned;
  server.held = [];
  ann.connect();
  socket(1).greets('p1');
  await until(() => server.held?.length === 1, 'the list is asked for');
  socket(1).says({ event: 'conversation_changed', conversation_id: ID, recv_msg_opt: 2, is_pinned: true, push_id: 'p2' });
  assert.equal(isPinned(), true, 'at once');
  assert.equal(ann.conversation(ID)?.recv_msg_opt, 2);
  // Meanwhile another device took the mute away, which was told first: only the server knows.
  server.pinned = true;
  server.held[0]?.();
  await until(() => ann.isSynced, 'nothing is missing');
  await until(() => isPinned() === true && ann.conversation(ID)?.recv_msg_opt === 0, 'the server has the last word');
  await ann.close();
});
