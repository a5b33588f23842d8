import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConversationView, Outgoing } from '@nexo-im/client';
import { listed } from '../src/lib/list.js';

const view = (conversation_id: string, updated_at: number, is_pinned = false): ConversationView => ({
  ...{ conversation_id, updated_at, is_pinned, conversation_type: 1, peer_user_id: conversation_id, group_id: '' },
  ...{ recv_msg_opt: 0, unread_count: 0, max_seq: 1, read_seq: 1, last_message: undefined },
});

const outgoing = (conversation_id: string, created_at_ms: number, state: Outgoing['state'] = 'sending'): Outgoing => ({
  ...{ client_msg_id: String(created_at_ms), conversation_id, state, created_at_ms, order: created_at_ms },
  send: { client_msg_id: String(created_at_ms), session_type: 1, msg_type: 1, content: { text: '' } },
});

const begun = (id: string): ConversationView | undefined => (id === 'nonsense' ? undefined : view(id, 0));
const ids = (list: { conversation_id: string }[]): string[] => list.map(({ conversation_id }) => conversation_id);

test('what is unsent brings its conversation up, but not above what is pinned', () => {
  const views = [view('pinned', 1, true), view('late', 9), view('early', 2)];
  assert.deepEqual(ids(listed(views, [], begun)), ['pinned', 'late', 'early']);
  assert.deepEqual(ids(listed(views, [outgoing('early', 10)], begun)), ['pinned', 'early', 'late']);
});

test('a conversation of which the server does not know yet is in the list while something waits in it', () => {
  const list = listed([view('a', 1)], [outgoing('new', 5), outgoing('nonsense', 6)], begun);
  assert.deepEqual(ids(list), ['new', 'a']);
  assert.equal(list[0]?.updated_at, 5);
});

test('one that failed is said before those that are on their way', () => {
  const [one] = listed([view('a', 1)], [outgoing('a', 2), outgoing('a', 3, 'failed'), outgoing('a', 4)], begun);
  assert.equal(one?.unsent?.created_at_ms, 3);
});
