/** Keeps things in the browser. */

import type { Change, Store } from './store.js';

const TABLE = 'kept';

/** So many values are copied for the database before the page can do something else. */
const SLICE = 100;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB failed'));
  });
}

/** A store in an IndexedDB database. One client at a time uses one: give each tab that is to be on its own another name. */
export class IndexedDbStore implements Store {
  readonly #name: string;
  readonly #factory: IDBFactory;
  #opened: Promise<IDBDatabase> | undefined;

  constructor(name = 'nexo', factory: IDBFactory = indexedDB) {
    this.#name = name;
    this.#factory = factory;
  }

  async read(prefix: string): Promise<[string, unknown][]> {
    const table = (await this.#open()).transaction(TABLE, 'readonly').objectStore(TABLE);
    const [first, last] = [prefix, `${prefix}\uffff`];
    // Both in one transaction: they have the same order and length.
    const [keys, values] = await Promise.all([
      settled(table.getAllKeys(first === '' ? null : range(first, last))),
      settled(table.getAll(first === '' ? null : range(first, last))),
    ]);
    return keys.map((key, index) => [String(key), values[index]]);
  }

  async write(changes: readonly Change[]): Promise<void> {
    const transaction = (await this.#open()).transaction(TABLE, 'readwrite');
    const table = transaction.objectStore(TABLE);
    const ended = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB wrote nothing'));
    });
    // Who throws below does not wait for it.
    ended.catch(() => {});
    for (let at = 0; at < changes.length; at += SLICE) {
      const asked = put(table, changes.slice(at, at + SLICE));
      // The transaction stays open for what follows an answer. If it was aborted instead, there is nothing to write to.
      if (at + SLICE < changes.length && !(await answered(asked))) break;
    }
    await ended;
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    (await opened)?.close();
  }

  #open(): Promise<IDBDatabase> {
    this.#opened ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = this.#factory.open(this.#name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error ?? new Error('IndexedDB does not open'));
    });
    return this.#opened;
  }
}

/** Asks for the changes, all or none with their transaction. Gives the last request. */
function put(table: IDBObjectStore, changes: readonly Change[]): IDBRequest | undefined {
  let asked: IDBRequest | undefined;
  try {
    for (const [key, value] of changes) asked = value === undefined ? table.delete(key) : table.put(value, key);
  } catch (error) {
    // A value that cannot be kept would leave those before it.
    table.transaction.abort();
    throw error;
  }
  return asked;
}

/** Whether a request was answered; one of an aborted transaction is not. */
function answered(request: IDBRequest | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    if (!request) return resolve(true);
    request.onsuccess = () => resolve(true);
    request.onerror = () => resolve(false);
  });
}

function range(first: string, last: string): IDBKeyRange {
  return IDBKeyRange.bound(first, last);
}
