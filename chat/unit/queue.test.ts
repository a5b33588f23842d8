import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Queue } from '../src/lib/queue.js';

/** A call that is made when it is begun, and ends when it is told to. */
function calls(queue: Queue, names: Iterable<string>): { begun: string[]; dropped: string[]; end: Map<string, () => void> } {
  const begun: string[] = [];
  const dropped: string[] = [];
  const end = new Map<string, () => void>();
  for (const name of names) {
    queue.add(() => {
      begun.push(name);
      return new Promise((resolve) => end.set(name, resolve));
    }, () => dropped.push(name));
  }
  return { begun, dropped, end };
}

/** Lets as many tasks go by as a queue may need. */
async function tasks(): Promise<void> {
  for (let at = 0; at < 10; at++) await new Promise((next) => setTimeout(next));
}

test('calls begin in tasks of their own, the latest first, some at a time', async () => {
  const { begun, end } = calls(new Queue(2), 'abcd');
  assert.deepEqual(begun, []);
  await new Promise((next) => setTimeout(next));
  assert.deepEqual(begun, ['d']);
  await tasks();
  assert.deepEqual(begun, ['d', 'c']);
  end.get('c')?.();
  await tasks();
  assert.deepEqual(begun, ['d', 'c', 'b']);
});

test('while the screen moves calls begin one after another', async () => {
  const queue = new Queue(3);
  queue.moving(true);
  const { begun, end } = calls(queue, 'abcd');
  await tasks();
  assert.deepEqual(begun, ['d']);
  end.get('d')?.();
  await tasks();
  assert.deepEqual(begun, ['d', 'c']);
  queue.moving(false);
  await tasks();
  assert.deepEqual(begun, ['d', 'c', 'b', 'a']);
});

test('what flew by long ago is dropped, and nothing is while the screen stands still', async () => {
  const queue = new Queue(1);
  const names = Array.from({ length: 1_000 }, (_, at) => String(at));
  const calm = calls(queue, names);
  assert.deepEqual(calm.dropped, []);
  queue.clear();
  queue.moving(true);
  const moving = calls(queue, names);
  assert.deepEqual(moving.dropped, names.slice(0, 880));
  await tasks();
  assert.deepEqual(moving.begun, ['999']);
});

test('a cleared queue begins nothing more', async () => {
  const queue = new Queue(1);
  const { begun } = calls(queue, 'ab');
  queue.clear();
  await tasks();
  assert.deepEqual(begun, []);
});
