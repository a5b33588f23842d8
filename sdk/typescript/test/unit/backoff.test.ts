import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, pause } from '../../src/backoff.js';

test('delays double up to the longest, each between its half and its whole', () => {
  for (const random of [0, 0.5, 0.999]) {
    const backoff = new Backoff({ firstMs: 100, longestMs: 1_000 }, () => random);
    for (const whole of [100, 200, 400, 800, 1_000, 1_000]) {
      const delay = backoff.next();
      assert.ok(delay <= whole && delay >= whole / 2, `${delay} of ${whole}`);
    }
  }
});

test('no delay is shorter than what the server asked for', () => {
  for (const random of [0, 0.5, 0.999]) {
    const backoff = new Backoff({ firstMs: 100, longestMs: 1_000 }, () => random);
    assert.ok(backoff.next(5_000) >= 5_000);
  }
});

test('the first delay after a restart is spread, the next ones grow', () => {
  const backoff = new Backoff({ firstMs: 100, longestMs: 1_000 }, () => 0);
  assert.equal(backoff.soon(), 0);
  assert.equal(backoff.soon(), 200);
  backoff.reset();
  assert.equal(backoff.soon(), 0);
});

test('an abort ends a pause', async () => {
  const stop = new AbortController();
  const paused = pause(1_000_000, stop.signal);
  stop.abort();
  await paused;
  await pause(1_000_000, stop.signal);
});
