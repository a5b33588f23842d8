/** One conversation's messages in order: each once, none left out. Pure: it asks nobody. */

import type { Message } from './types.js';

/** How many messages wait behind a hole; further ones are pulled in their turn. */
const WAITING = 1_000;

/** What to pull, both ends included. */
export interface Range {
  begin: number;
  end: number;
}

/** Where a conversation stands. */
export class Timeline {
  /** All up to here was handed out, or will never be. */
  #cursor: number;
  /** The highest seq that is known to be there. */
  #target: number;
  #waiting = new Map<number, Message>();

  constructor(cursor = 0, target = cursor) {
    this.#cursor = cursor;
    this.#target = Math.max(cursor, target);
  }

  get cursor(): number {
    return this.#cursor;
  }

  get target(): number {
    return this.#target;
  }

  /** Takes a message of anywhere. Answers what is in order now: nothing, it, or it and what waited for it. */
  take(message: Message): Message[] {
    this.aim(message.seq);
    if (message.seq <= this.#cursor || this.#waiting.has(message.seq)) return [];
    if (message.seq > this.#cursor + 1) {
      if (this.#waiting.size < WAITING) this.#waiting.set(message.seq, message);
      return [];
    }
    this.#cursor = message.seq;
    return [message, ...this.#drain()];
  }

  /** Learns that there is something up to `seq`. */
  aim(seq: number): void {
    this.#target = Math.max(this.#target, seq);
  }

  /**
   * Takes all that there is from the message after the cursor, or before, up to `end`. A seq in between that is not among the
   * messages is one that the user may not see: a hole up to the target is final.
   */
  cover(end: number, messages: Message[]): Message[] {
    const fresh = messages.filter((message) => message.seq > this.#cursor && message.seq <= end);
    if (end > this.#cursor) {
      this.#cursor = end;
      this.#target = Math.max(this.#target, end);
      for (const seq of this.#waiting.keys()) if (seq <= end) this.#waiting.delete(seq);
    }
    return [...fresh, ...this.#drain()];
  }

  /** Takes no more of what is missing now: the user may not see it any longer. */
  giveUp(): Message[] {
    const fresh: Message[] = [];
    for (const seq of [...this.#waiting.keys()].sort((a, b) => a - b)) {
      const message = this.#waiting.get(seq);
      if (message) fresh.push(message);
    }
    this.#waiting.clear();
    this.#cursor = this.#target;
    return fresh;
  }

  /** What is missing before the next message that waits, or before the target. */
  missing(): Range | undefined {
    if (this.#cursor >= this.#target) return undefined;
    let end = this.#target;
    for (const seq of this.#waiting.keys()) end = Math.min(end, seq - 1);
    return { begin: this.#cursor + 1, end };
  }

  *#drain(): Iterable<Message> {
    for (;;) {
      const next = this.#waiting.get(this.#cursor + 1);
      if (!next) return;
      this.#waiting.delete(next.seq);
      this.#cursor = next.seq;
      yield next;
    }
  }
}
