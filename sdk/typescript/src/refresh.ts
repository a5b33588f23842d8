/** Asks the server how conversations stand, and asks again until it answers. */

import { Backoff, pause, type Random } from './backoff.js';
import { isPassing, retryAfterMs } from './errors.js';
import type { Conversation, Listed } from './types.js';

/** What it works with. */
export interface RefreshParts {
  list: (page: { limit: number; cursor?: string }) => Promise<Listed<Conversation>>;
  info: (conversation_id: string) => Promise<Conversation>;
  /** Takes what the server said. */
  told: (conversations: Conversation[]) => void;
  failed: (error: unknown) => void;
  random: Random;
}

/** Conversations of a page: the most that the server gives. */
const PAGE = 1_000;

/** Looks at conversations again. */
export class Refresh {
  readonly #parts: RefreshParts;
  #stop = new AbortController();
  #wanted = new Set<string>();
  #looking = false;
  /** Until a list that was asked for is answered. */
  #listing: Promise<unknown> = Promise.resolve();

  constructor(parts: RefreshParts) {
    this.#parts = parts;
  }

  /** Looks at all of them. Answers false if it was stopped before it had them all. */
  async all(): Promise<boolean> {
    return this.#list((call) => this.#ask(call));
  }

  /** Looks at all of them now, or throws what is in the way. */
  async now(): Promise<void> {
    await this.#list((call) => call());
  }

  /** Looks at one of them soon. */
  one(conversation_id: string): void {
    this.#wanted.add(conversation_id);
    if (this.#looking) return;
    this.#looking = true;
    void this.#look().finally(() => {
      this.#looking = false;
    });
  }

  /** Asks nothing any more. */
  stop(): void {
    this.#stop.abort();
  }

  async #look(): Promise<void> {
    for (const id of this.#wanted) {
      // Its answer is newer than that of a list that was asked for before, and comes behind it.
      await this.#listing;
      this.#wanted.delete(id);
      try {
        const info = await this.#ask(() => this.#parts.info(id));
        if (!info) return;
        this.#parts.told([info]);
      } catch (error) {
        this.#parts.failed(error);
      }
    }
  }

  #list(ask: <T>(call: () => Promise<T>) => Promise<T | undefined>): Promise<boolean> {
    const listed = this.#pages(ask);
    this.#listing = listed.catch(() => false);
    return listed;
  }

  async #pages(ask: <T>(call: () => Promise<T>) => Promise<T | undefined>): Promise<boolean> {
    const found = new Map<string, Conversation>();
    let cursor: string | undefined;
    do {
      const next: { limit: number; cursor?: string } = { limit: PAGE, ...(cursor ? { cursor } : {}) };
      const page = await ask(() => this.#parts.list(next));
      if (!page) return false;
      for (const conversation of page.items) found.set(conversation.conversation_id, conversation);
      cursor = page.next;
    } while (cursor);
    this.#parts.told([...found.values()]);
    return true;
  }

  /** Asks until there is an answer; `undefined` if it was stopped. */
  async #ask<T>(call: () => Promise<T>): Promise<T | undefined> {
    const backoff = new Backoff(undefined, this.#parts.random);
    while (!this.#stop.signal.aborted) {
      try {
        const answer = await call();
        return this.#stop.signal.aborted ? undefined : answer;
      } catch (error) {
        if (!isPassing(error)) throw error;
        await pause(backoff.next(retryAfterMs(error)), this.#stop.signal);
      }
    }
    return undefined;
  }
}
