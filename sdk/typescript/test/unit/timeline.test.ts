import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Timeline } from '../../src/timeline.js';
import type { Message } from '../../src/types.js';

function message(seq: number, more: Partial<Message> = {}): Message {
  const content = { text: `text ${seq}` };
  const ids = { conversation_id: 'si_a:b', client_msg_id: `m${seq}`, sender_id: 'a', recv_id: 'b', group_id: '' };
  return { ...ids, seq, session_type: 1, msg_type: 1, content, send_at: seq, ...more };
}

const seqs = (messages: Message[]): number[] => messages.map(({ seq }) => seq);

test('messages in order pass at once', () => {
  const timeline = new Timeline();
  assert.deepEqual(seqs(timeline.take(message(1))), [1]);
  assert.deepEqual(seqs(timeline.take(message(2))), [2]);
  assert.equal(timeline.missing(), undefined);
});

test('a message that comes twice passes once', () => {
  const timeline = new Timeline();
  timeline.take(message(1));
  assert.deepEqual(timeline.take(message(1)), []);
  timeline.take(message(3));
  assert.deepEqual(timeline.take(message(3)), []);
  assert.deepEqual(seqs(timeline.take(message(2))), [2, 3]);
  assert.deepEqual(timeline.take(message(2)), []);
});

test('a message behind a hole waits until the hole is filled', () => {
  const timeline = new Timeline(10);
  assert.deepEqual(timeline.take(message(13)), []);
  assert.deepEqual(timeline.missing(), { begin: 11, end: 12 });
  assert.deepEqual(seqs(timeline.cover(12, [message(11), message(12)])), [11, 12, 13]);
  assert.equal(timeline.missing(), undefined);
});

test('a hole that a page leaves is final', () => {
  const timeline = new Timeline();
  timeline.take(message(50));
  assert.deepEqual(seqs(timeline.cover(49, [])), [50]);
  assert.deepEqual(timeline.take(message(7)), []);
});

test('a page that overlaps gives what is new', () => {
  const timeline = new Timeline(2, 5);
  timeline.take(message(3));
  assert.deepEqual(seqs(timeline.cover(5, [message(3), message(4), message(5)])), [4, 5]);
});

test('what does not fit behind a hole is pulled later', () => {
  const timeline = new Timeline();
  for (let seq = 2; seq <= 3_000; seq++) timeline.take(message(seq));
  assert.equal(timeline.take(message(1)).length, 1_001);
  assert.deepEqual(timeline.missing(), { begin: 1_002, end: 3_000 });
});

test('any order of pushes and pages gives each message once and in order', () => {
  // A small generator with a fixed seed, so that a failure can be seen again.
  let state = 1;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 200; round++) {
    const timeline = new Timeline();
    const count = 1 + random(60);
    const got: number[] = [];
    for (let step = 0; step < 100; step++) got.push(...seqs(timeline.take(message(1 + random(count)))));
    timeline.aim(count);
    for (let range = timeline.missing(); range; range = timeline.missing()) {
      const end = Math.min(range.end, range.begin + random(10));
      const page = Array.from({ length: end - range.begin + 1 }, (_, at) => message(range.begin + at));
      got.push(...seqs(timeline.cover(end, page)));
    }
    assert.deepEqual(got, Array.from({ length: count }, (_, at) => at + 1));
  }
});
