import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Position } from '../../src/position.js';

test('the position moves with the frames', () => {
  let moved = 0;
  const position = new Position('here', () => (moved += 1));
  assert.equal(position.safe, undefined);
  position.seen('a');
  position.seen('b');
  assert.equal(position.safe, 'b');
  assert.equal(moved, 2);
});

test('a held position stands still until all holds are over', () => {
  const position = new Position('here', () => {}, { push_id: 'old', server: 'here' });
  const [first, second] = [position.hold(), position.hold()];
  position.seen('new');
  first();
  first();
  assert.equal(position.safe, 'old');
  second();
  assert.equal(position.safe, 'new');
});

test('a forgotten position is none, whatever was held', () => {
  const position = new Position('here', () => {}, { push_id: 'old', server: 'here' });
  const release = position.hold();
  position.seen('new');
  position.forget();
  release();
  assert.equal(position.safe, undefined);
});

test('a position is kept with the server that it counts at, and is none at another one', () => {
  const kept = { push_id: 'old', server: 'here' };
  assert.deepEqual(new Position('here', () => {}, kept).record(), kept);
  assert.equal(new Position('there', () => {}, kept).safe, undefined);
  assert.equal(new Position('there', () => {}, kept).record(), undefined);
});
