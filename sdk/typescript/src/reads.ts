/** Read marks: here at once, at the server when it can be reached. */

import type { Entry } from './conversations.js';
import { isPassing, isTokenError } from './errors.js';
import type { Op } from './frames.js';

/** What it works with. */
export interface ReadParts {
  call: (op: Op, data: object) => Promise<unknown>;
  /** A mark arrived: the server knows how many are unread after it. */
  marked: (conversation_id: string) => void;
  failed: (error: unknown) => void;
}

/** Read marks on their way out. */
export class Reads {
  readonly #parts: ReadParts;

  constructor(parts: ReadParts) {
    this.#parts = parts;
  }

  /** Moves the mark, forward only. Answers whether it moved. */
  mark(entry: Entry, seq: number): boolean {
    if (seq <= entry.unread.read_seq) return false;
    entry.unread.read(seq);
    entry.unsent_read = seq;
    void this.send(entry);
    return true;
  }

  /** Tells the server of a mark that it does not know. Without an answer that is for the next connection. */
  async send(entry: Entry): Promise<void> {
    const seq = entry.unsent_read;
    if (seq === 0) return;
    try {
      await this.#parts.call('mark_read', { conversation_id: entry.id, read_seq: seq });
    } catch (error) {
      if (isPassing(error) || isTokenError(error)) return;
      // A refusal is final.
      this.#parts.failed(error);
    }
    if (entry.unsent_read === seq) entry.unsent_read = 0;
    this.#parts.marked(entry.id);
  }
}
