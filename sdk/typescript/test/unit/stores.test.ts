import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndexedDbStore, MemoryStore, type Store } from '../../src/index.js';
import { Journal } from '../../src/journal.js';

const STORES: [name: string, open: (name: string) => Store][] = [
  ['memory', () => new MemoryStore()],
  ['IndexedDB', (name) => new IndexedDbStore(name)],
];

for (const [name, open] of STORES) {
  test(`${name}: what was written is read by its prefix, until it is forgotten`, async () => {
    const store = open('read');
    await store.write([
      ['a/1', { deep: [1, 'x'] }],
      ['a/2', 'two'],
      ['b/1', 3],
    ]);
    assert.deepEqual((await store.read('a/')).toSorted(), [
      ['a/1', { deep: [1, 'x'] }],
      ['a/2', 'two'],
    ]);
    await store.write([
      ['a/1', undefined],
      ['a/2', 'second'],
    ]);
    assert.deepEqual(await store.read('a/'), [['a/2', 'second']]);
    assert.equal((await store.read('')).length, 2);
    await store.close();
  });

  test(`${name}: what is read is a copy`, async () => {
    const store = open('copy');
    const value = { list: [1] };
    await store.write([['key', value]]);
    value.list.push(2);
    assert.deepEqual(await store.read('key'), [['key', { list: [1] }]]);
    await store.close();
  });

  test(`${name}: a write of thousands is whole, or changes nothing`, async () => {
    const store = open('many');
    const many = Array.from({ length: 2_345 }, (_, at): [string, unknown] => [`key ${at}`, at]);
    await store.write([['key 7', undefined], ...many]);
    assert.equal((await store.read('')).length, 2_345);
    const emptied = many.map(([key]): [string, undefined] => [key, undefined]);
    await assert.rejects(async () => store.write([...emptied, ['other', () => {}]]));
    assert.equal((await store.read('')).length, 2_345);
    await store.write(emptied);
    assert.deepEqual(await store.read(''), []);
    await store.close();
  });

  test(`${name}: a write of what cannot be kept changes nothing`, async () => {
    const store = open('whole');
    await store.write([['key', 1]]);
    const write = async (): Promise<void> =>
      store.write([
        ['key', 2],
        ['other', () => {}],
      ]);
    await assert.rejects(write);
    assert.deepEqual(await store.read(''), [['key', 1]]);
    await store.close();
  });
}

test('IndexedDB: another store of the same name finds what the first one kept', async () => {
  const first = new IndexedDbStore('again');
  await first.write([['key', 'kept']]);
  await first.close();
  const second = new IndexedDbStore('again');
  assert.deepEqual(await second.read('key'), [['key', 'kept']]);
  await second.close();
});

test('a journal writes what is there when it writes, all of one moment in one go', async () => {
  const store = new MemoryStore();
  const writes: number[] = [];
  const counted: Store = {
    read: (prefix) => store.read(prefix),
    write: (changes) => {
      writes.push(changes.length);
      return store.write(changes);
    },
    close: () => store.close(),
  };
  const journal = new Journal(counted, (error) => assert.ifError(error));
  await journal.open('ann');
  let value = 1;
  journal.later('a', () => value);
  journal.later('b', () => value);
  value = 2;
  await journal.now('c', 3);
  assert.deepEqual(writes, [3]);
  const kept = (await store.read('u/ann/')).map(([key, value]) => `${key}=${String(value)}`);
  assert.deepEqual(kept.toSorted(), ['u/ann/a=2', 'u/ann/b=2', 'u/ann/c=3']);
  assert.deepEqual(await journal.open('bob'), []);
  assert.equal((await journal.open('ann')).length, 3);
});

test('what a journal could not write it writes the next time', async () => {
  const store = new MemoryStore();
  let full = true;
  const failing: Store = {
    read: (prefix) => store.read(prefix),
    write: (changes) => (full ? Promise.reject(new Error('full')) : store.write(changes)),
    close: () => store.close(),
  };
  const journal = new Journal(failing, () => {});
  await journal.open('ann');
  await assert.rejects(journal.now('a', 1));
  full = false;
  await journal.now('b', 2);
  assert.equal((await store.read('u/ann/')).length, 2);
});
