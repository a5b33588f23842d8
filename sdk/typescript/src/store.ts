/** What a client keeps over a reload, and where. */

/** One change: a value to keep under a key, or `undefined` to forget it. */
export type Change = readonly [key: string, value: unknown];

/** A place to keep things in. Values are plain data, as `structuredClone` takes it. */
export interface Store {
  /** All that is kept under keys that begin with `prefix`. */
  read(prefix: string): Promise<[key: string, value: unknown][]>;
  /** Makes all the changes, or none. Once it resolves they outlive a reload. */
  write(changes: readonly Change[]): Promise<void>;
  /** Lets go of the place. */
  close(): Promise<void>;
}

/** Keeps things as long as the process lives: for bots whose state is elsewhere, and for tests. */
export class MemoryStore implements Store {
  #kept = new Map<string, unknown>();

  read(prefix: string): Promise<[string, unknown][]> {
    const found = [...this.#kept].filter(([key]) => key.startsWith(prefix));
    return Promise.resolve(structuredClone(found));
  }

  write(changes: readonly Change[]): Promise<void> {
    // Copied before anything is changed: what cannot be copied changes nothing.
    for (const [key, value] of structuredClone(changes)) {
      if (value === undefined) this.#kept.delete(key);
      else this.#kept.set(key, value);
    }
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
