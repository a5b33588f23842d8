import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import type { Message, Outgoing } from '@nexo-im/client';
import { rows } from '../src/lib/rows.js';
import { HistoryWindow } from '../src/state/window.js';

const noon = new Date('2026-03-05T12:00:00').getTime();

function message(seq: number, sender_id = 'bob', send_at = noon + seq * 1_000): Message {
  const about = { conversation_id: 'si_ann:bob', recv_id: '', group_id: '', session_type: 1, msg_type: 1 } as const;
  return { ...about, seq, client_msg_id: `id${seq}`, sender_id, content: { text: String(seq) }, send_at };
}

function outgoing(client_msg_id: string, state: Outgoing['state'], more: Partial<Outgoing> = {}): Outgoing {
  const send = { client_msg_id, recv_id: 'bob', session_type: 1, msg_type: 1, content: { text: client_msg_id } } as const;
  return { client_msg_id, conversation_id: 'si_ann:bob', state, send, created_at_ms: noon + 99_000, order: 1, ...more };
}

const draw = (messages: Message[], waiting: Outgoing[] = [], read_seq?: number) =>
  rows({ me: 'ann', messages, outgoing: waiting, read_seq });

test('what one person says in a row stands together, until a pause or a new day', () => {
  const hour = 3_600_000;
  const made = draw([message(1), message(2), message(3, 'ann'), message(4, 'ann', noon + hour), message(5, 'ann', noon + 24 * hour)]);
  assert.deepEqual(made.map(({ first }) => first), [true, false, true, true, true]);
  assert.deepEqual(made.map(({ last }) => last), [false, true, true, true, true]);
  assert.deepEqual(made.map(({ newDay }) => newDay), [true, false, false, false, true]);
});

test('a message keeps its key when it is stored, and is there once', () => {
  const before = draw([message(1)], [outgoing('id2', 'sending')]);
  const after = draw([message(1), message(2, 'ann')], [outgoing('id2', 'sent', { message: message(2, 'ann') })]);
  assert.deepEqual(before.map(({ key }) => key), after.map(({ key }) => key));
  assert.deepEqual(before.map(({ delivery }) => delivery), ['sent', 'sending']);
  assert.deepEqual(after.map(({ delivery, seq }) => [delivery, seq]), [['sent', 1], ['sent', 2]]);
});

test('equal client ids of two people are two messages', () => {
  const other = { ...message(1), client_msg_id: 'same' };
  const made = draw([other], [outgoing('same', 'failed', { error: { code: 3004, message: 'no' } })]);
  assert.deepEqual(made.map(({ key }) => key), ['seq/1', 'mine/same']);
  assert.equal(made[1]?.error?.code, 3004);
});

test('the line of new messages is above the first unread one of others', () => {
  const messages = [message(1), message(2, 'ann'), message(3), message(4)];
  assert.deepEqual(draw(messages, [], 1).map(({ firstUnread }) => firstUnread), [false, false, true, false]);
  assert.ok(draw(messages, [], 0).every(({ firstUnread }) => !firstUnread), 'all are new');
  assert.ok(draw(messages).every(({ firstUnread }) => !firstUnread), 'none is');
});

/** A history of so many messages, and a window on it. */
function windowOn(count: number): { history: HistoryWindow; seqs: () => number[]; fail: { next: boolean }; pulls: () => number } {
  const all = Array.from({ length: count }, (_, at) => message(at + 1));
  const fail = { next: false };
  let pulls = 0;
  const answer = (found: Message[]): Promise<Message[]> => {
    pulls += 1;
    if (!fail.next) return Promise.resolve(found);
    fail.next = false;
    return Promise.reject(new Error('no answer'));
  };
  const history = new HistoryWindow({
    before: (seq, limit) => answer(all.filter((one) => one.seq < seq).slice(-limit)),
    after: (seq, limit) => answer(all.filter((one) => one.seq > seq).slice(0, limit)),
  });
  return { history, fail, pulls: () => pulls, seqs: () => history.stretch.value.messages.map(({ seq }) => seq) };
}

function whole(seqs: number[]): void {
  seqs.forEach((seq, at) => assert.ok(at === 0 || seq === (seqs[at - 1] ?? 0) + 1, `a hole before ${seq}`));
}

test('a history is walked to its start and back without a hole, and never held whole', async () => {
  const { history, seqs } = windowOn(5_000);
  await history.latest(5_000);
  assert.deepEqual([seqs()[0], seqs().at(-1)], [4_941, 5_000]);
  let most = 0;
  while (!history.stretch.value.atStart) {
    await history.older();
    most = Math.max(most, seqs().length);
    whole(seqs());
  }
  assert.equal(seqs()[0], 1);
  assert.equal(history.stretch.value.atEnd, false);
  while (!history.stretch.value.atEnd) {
    await history.newer();
    most = Math.max(most, seqs().length);
    whole(seqs());
  }
  assert.equal(seqs().at(-1), 5_000);
  assert.ok(most <= 960, `${most} at once`);
});

test('what comes in is added at the end, once, also while a pull is under way', async () => {
  const { history, seqs } = windowOn(100);
  const opened = history.latest(100);
  history.arrived([message(100), message(101)]);
  await opened;
  history.arrived([message(101), message(102)]);
  whole(seqs());
  assert.equal(seqs().at(-1), 102);
});

test('what comes in while somebody reads far above is pulled later', async () => {
  const { history, seqs } = windowOn(2_000);
  await history.latest(2_000);
  for (let at = 0; at < 20; at += 1) await history.older();
  const before = seqs();
  history.arrived([message(2_001)]);
  assert.deepEqual(seqs(), before);
});

test('a flood does not fill the memory', async () => {
  const { history, seqs } = windowOn(0);
  await history.latest(0);
  for (let seq = 1; seq <= 5_000; seq += 1) history.arrived([message(seq)]);
  assert.ok(seqs().length <= 1_900);
  await history.latest(0);
  for (let seq = 1; seq <= 5_000; seq += 1) {
    history.arrived([message(seq)]);
    history.trim();
  }
  whole(seqs());
  assert.ok(seqs().length <= 900 && seqs().at(-1) === 5_000);
});

test('a failed pull says so, and may be made again', async () => {
  const { history, seqs, fail, pulls } = windowOn(100);
  fail.next = true;
  await history.latest(100);
  assert.deepEqual([history.stretch.value.failed, history.stretch.value.ready], [true, false]);
  await history.latest(100);
  assert.deepEqual([history.stretch.value.failed, seqs().length], [false, 60]);
  await Promise.all([history.older(), history.older(), history.older()]);
  assert.equal(pulls(), 3, 'one at a time');
  assert.deepEqual([seqs()[0], history.stretch.value.atStart], [1, true]);
});

test('no source makes HTML out of text, or styles and scripts that the policy refuses', () => {
  const folder = new URL('../../src/', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name));
  assert.ok(files.length > 20);
  for (const name of files) {
    const text = readFileSync(new URL(name, folder), 'utf8');
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, name);
    assert.ok(text.startsWith('/** ') || text.startsWith('/// <'), `${name} does not say what it is for`);
    assert.ok(text.split('\n').length <= 400, `${name} is long`);
  }
});
