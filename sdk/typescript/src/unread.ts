/** How many messages are unread, exactly, between two words of the server. Pure. */

/** So many single messages are remembered; the oldest of more are only counted. */
const REMEMBERED = 1_000;

/** What is kept of it. */
export interface UnreadRecord {
  read_seq: number;
  /** Unread up to `counted_seq`, by the server's word. */
  base: number;
  counted_seq: number;
  /** Unread ones after that, which were handed out here. */
  beyond: number[];
}

/** The read mark of a conversation, and what is unread after it. */
export class Unread {
  #now: UnreadRecord;

  constructor(record: UnreadRecord = { read_seq: 0, base: 0, counted_seq: 0, beyond: [] }) {
    this.#now = { ...record, beyond: [...record.beyond] };
  }

  get count(): number {
    return this.#now.base + this.#now.beyond.length;
  }

  get read_seq(): number {
    return this.#now.read_seq;
  }

  record(): UnreadRecord {
    return { ...this.#now, beyond: [...this.#now.beyond] };
  }

  /** Takes the server's word. An older one than the last says nothing about messages, but may move the mark. */
  told(max_seq: number, read_seq: number, unread_count: number): void {
    if (max_seq < this.#now.counted_seq) {
      this.read(read_seq);
      return;
    }
    const mark = Math.max(read_seq, this.#now.read_seq);
    // What was read here and is not known there yet stays read.
    const base = mark === read_seq ? unread_count : mark >= max_seq ? 0 : Math.min(unread_count, max_seq - mark);
    const beyond = this.#now.beyond.filter((seq) => seq > max_seq && seq > mark);
    this.#now = { read_seq: mark, base, counted_seq: max_seq, beyond };
  }

  /** A message of somebody else was handed out. */
  received(seq: number): void {
    const now = this.#now;
    if (seq <= now.counted_seq || seq <= now.read_seq) return;
    now.beyond.push(seq);
    if (now.beyond.length <= REMEMBERED) return;
    const oldest = now.beyond.splice(0, REMEMBERED / 2);
    now.base += oldest.length;
    now.counted_seq = oldest.at(-1) ?? now.counted_seq;
  }

  /** The mark moved. Answers whether only the server knows how many are unread now. */
  read(seq: number): boolean {
    const now = this.#now;
    if (seq <= now.read_seq) return false;
    now.read_seq = seq;
    now.beyond = now.beyond.filter((unread) => unread > seq);
    if (seq >= now.counted_seq) {
      now.base = 0;
      return false;
    }
    // A guess, right if nothing in between was hidden or one's own.
    now.base = Math.min(now.base, now.counted_seq - seq);
    return now.base > 0;
  }
}
