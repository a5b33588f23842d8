/** The part of a history that is in memory: a stretch without holes that grows at both ends and is cut at the far one. */

import type { Message } from '@nexo-im/client';
import { signal } from '@preact/signals';

/** Where older and newer messages come from: at most so many, in order. */
export interface Source {
  before: (seq: number, limit: number) => Promise<Message[]>;
  after: (seq: number, limit: number) => Promise<Message[]>;
}

/** What is in memory. */
export interface Stretch {
  messages: readonly Message[];
  /** Whether nothing is older, and whether nothing is newer. */
  atStart: boolean;
  atEnd: boolean;
  /** The first messages came. */
  ready: boolean;
  /** The last pull failed. */
  failed: boolean;
}

/** Messages of a pull, and the most that are kept. */
const PAGE = 60;
const MOST = 900;

const NOTHING: Stretch = { messages: [], atStart: false, atEnd: false, ready: false, failed: false };

/** A window on the history of one conversation. */
export class HistoryWindow {
  readonly stretch = signal<Stretch>(NOTHING);
  readonly #source: Source;
  /** Resolves when the screen shows what was set. */
  readonly #shown: () => Promise<void>;
  #busy = false;
  #round = 0;
  /** What came while a pull was under way. */
  #arrived: Message[] = [];

  constructor(source: Source, shown: () => Promise<void> = () => Promise.resolve()) {
    this.#source = source;
    this.#shown = shown;
  }

  /** Begins at the end, anew. */
  async latest(max_seq: number): Promise<void> {
    this.#round += 1;
    this.#busy = false;
    await this.#pull(async () => {
      const messages = max_seq > 0 ? await this.#source.before(max_seq + 1, PAGE) : [];
      return () => {
        this.stretch.value = { ...NOTHING, messages, atStart: messages.length < PAGE, atEnd: true, ready: true };
      };
    });
  }

  /** Grows at the start. */
  async older(): Promise<void> {
    const { messages, atStart, ready } = this.stretch.value;
    const first = messages[0];
    if (!ready || atStart || !first) return;
    await this.#pull(async () => {
      const found = await this.#source.before(first.seq, PAGE);
      // Cut first, and seen to be, for a list keeps its place from one end at a time.
      if (messages.length + found.length > MOST) {
        this.#set({ messages: messages.slice(0, MOST - PAGE), atEnd: false });
        await this.#shown();
      }
      return () => {
        const now = this.stretch.value.messages;
        this.#set({ messages: [...found, ...now], atStart: found.length < PAGE });
      };
    });
  }

  /** Grows at the end. */
  async newer(): Promise<void> {
    const { messages, atEnd, ready } = this.stretch.value;
    const last = messages.at(-1);
    if (!ready || atEnd || !last) return;
    await this.#pull(async () => {
      const found = await this.#source.after(last.seq, PAGE);
      if (messages.length + found.length > MOST) {
        this.#set({ messages: messages.slice(PAGE - MOST), atStart: false });
        await this.#shown();
      }
      return () => {
        const now = this.stretch.value.messages;
        this.#set({ messages: [...now, ...found], atEnd: found.length < PAGE });
      };
    });
  }

  /** Takes messages that came in, in order. */
  arrived(messages: readonly Message[]): void {
    if (this.#busy) this.#arrived.push(...messages);
    else this.#append(messages);
  }

  /** Nobody looks at the start: there is no need to keep more than some of it. */
  trim(): void {
    const { messages } = this.stretch.value;
    if (messages.length <= MOST || this.#busy) return;
    this.#set({ messages: messages.slice(-MOST / 2), atStart: false });
  }

  #append(messages: readonly Message[]): void {
    const { messages: known, atEnd, ready } = this.stretch.value;
    if (!ready || !atEnd) return;
    const last = known.at(-1)?.seq ?? 0;
    const fresh = messages.filter(({ seq }) => seq > last);
    if (fresh.length === 0) return;
    // Somebody reads far above while much comes in: that is pulled when it is wanted.
    if (known.length + fresh.length > 2 * MOST) this.#set({ atEnd: false });
    else this.#set({ messages: [...known, ...fresh] });
  }

  /** Runs one pull at a time; one of an earlier round changes nothing. */
  async #pull(work: () => Promise<() => void>): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    const round = this.#round;
    try {
      const apply = await work();
      if (round !== this.#round) return;
      apply();
      this.#set({ failed: false });
    } catch {
      // The page offers to try again, and does so by itself when the connection is back.
      if (round === this.#round) this.#set({ failed: true });
    } finally {
      if (round === this.#round) {
        this.#busy = false;
        this.#append(this.#arrived.splice(0));
      }
    }
  }

  #set(change: Partial<Stretch>): void {
    this.stretch.value = { ...this.stretch.value, ...change };
  }
}
