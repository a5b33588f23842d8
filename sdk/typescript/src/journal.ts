/** Gathers what is to be kept, and writes it in one go now and then. */

import type { Change, Store } from './store.js';

/** How long a change may wait for others that are written with it. */
const GATHER_MS = 200;

/** Writes changes to a store, those of one moment together, and one batch after another. */
export class Journal {
  readonly #store: Store;
  readonly #failed: (error: unknown) => void;
  #prefix = '';
  #dirty = new Map<string, () => unknown>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: Store, failed: (error: unknown) => void) {
    this.#store = store;
    this.#failed = failed;
  }

  /** Begins the journal of another user. What the last one left is written first. */
  async open(user_id: string): Promise<[key: string, value: unknown][]> {
    await this.flush();
    this.#prefix = `u/${user_id}/`;
    const kept = await this.#store.read(this.#prefix);
    return kept.map(([key, value]) => [key.slice(this.#prefix.length), value]);
  }

  /** Keeps what `value` gives by the time of the next writing, soon. */
  later(key: string, value: () => unknown): void {
    this.#dirty.set(this.#prefix + key, value);
    this.#timer ??= setTimeout(() => {
      this.flush().catch(this.#failed);
    }, GATHER_MS);
  }

  /** Keeps a value, with all else that waits, before it resolves. */
  now(key: string, value: unknown): Promise<void> {
    this.#dirty.set(this.#prefix + key, () => value);
    return this.flush();
  }

  /** Writes all that waits. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Gathered when its turn comes, so that all that waits by then is one batch.
    const written = this.#writing.then(() => this.#write());
    this.#writing = written.catch(() => {});
    return written;
  }

  async #write(): Promise<void> {
    if (this.#dirty.size === 0) return;
    const dirty = this.#dirty;
    this.#dirty = new Map();
    const changes: Change[] = [...dirty].map(([key, value]) => [key, value()]);
    try {
      await this.#store.write(changes);
    } catch (error) {
      // Newer changes of the same keys stand.
      for (const [key, value] of dirty) if (!this.#dirty.has(key)) this.#dirty.set(key, value);
      throw error;
    }
  }
}
