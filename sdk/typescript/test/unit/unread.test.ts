import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Unread } from '../../src/unread.js';

test('messages of others count, and the read mark takes them away', () => {
  const unread = new Unread();
  for (const seq of [1, 2, 3]) unread.received(seq);
  assert.equal(unread.count, 3);
  assert.equal(unread.read(2), false);
  assert.equal(unread.count, 1);
});

test('what the server counted is not counted again when it is pulled', () => {
  const unread = new Unread();
  unread.told(10, 4, 6);
  for (let seq = 1; seq <= 10; seq++) unread.received(seq);
  assert.equal(unread.count, 6);
  unread.received(11);
  assert.equal(unread.count, 7);
});

test('an answer that is older than the last one changes no count', () => {
  const unread = new Unread();
  unread.told(10, 0, 10);
  unread.received(11);
  unread.told(9, 0, 9);
  assert.equal(unread.count, 11);
});

test('an answer that does not know the last messages yet keeps them unread', () => {
  const unread = new Unread();
  unread.received(1);
  unread.received(2);
  unread.told(1, 0, 1);
  assert.equal(unread.count, 2);
});

test('what was read here stays read while the server does not know', () => {
  const unread = new Unread();
  unread.told(10, 0, 10);
  unread.read(10);
  unread.told(10, 0, 10);
  assert.equal(unread.count, 0);
  assert.equal(unread.read_seq, 10);
});

test('a mark into what the server counted asks for its word', () => {
  const unread = new Unread();
  unread.told(10, 0, 7);
  assert.equal(unread.read(5), true);
  unread.told(10, 5, 4);
  assert.equal(unread.count, 4);
});

test('many unread messages are counted without being remembered', () => {
  const unread = new Unread();
  for (let seq = 1; seq <= 5_000; seq++) unread.received(seq);
  assert.equal(unread.count, 5_000);
  assert.ok(unread.record().beyond.length <= 1_000);
});
