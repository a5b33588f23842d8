/** Pulls what is missing, some conversations at a time, until nothing is. */

import { Backoff, pause, type Random } from './backoff.js';
import { Code } from './codes.js';
import { NexoError, isPassing, retryAfterMs } from './errors.js';
import type { Range, Timeline } from './timeline.js';
import type { Message, Page, Pull } from './types.js';

/** The most messages of a page. */
const PAGE = 100;

/** Pages of a conversation that are asked for at once, where there are no holes. */
const AT_ONCE = 6;

/** Conversations that are pulled at once. */
const WORKERS = 3;

/** How long a live message may overtake another one before that is pulled. */
const OVERTAKEN_MS = 50;

/** All that there is of a conversation up to a seq. */
interface Piece {
  end: number;
  messages: Message[];
  /** Whether it is a whole page without a hole. */
  full: boolean;
}

/** What it works with. */
export interface CatchupParts {
  pull: (pull: Pull) => Promise<Page<Message>>;
  timeline: (conversation_id: string) => Timeline | undefined;
  /** Takes messages that are in order now. */
  deliver: (conversation_id: string, messages: Message[]) => void;
  /** Nothing is missing any more. */
  idle: () => void;
  failed: (error: unknown) => void;
  random: Random;
}

/** The pulls of a client. It begins at rest. */
export class Catchup {
  readonly #parts: CatchupParts;
  #waiting = new Set<string>();
  #running = new Set<string>();
  #delayed = new Map<string, ReturnType<typeof setTimeout>>();
  /** Aborted while it rests. */
  #rest = AbortSignal.abort();
  #resting: AbortController | undefined;

  constructor(parts: CatchupParts) {
    this.#parts = parts;
  }

  /** Whether nothing is being pulled, or about to be. */
  get isIdle(): boolean {
    return this.#waiting.size + this.#running.size + this.#delayed.size === 0;
  }

  /** Pulls what is missing in a conversation. */
  want(id: string): void {
    this.#waiting.add(id);
    this.#pump();
  }

  /** Pulls what is then still missing, in a moment. */
  wantSoon(id: string): void {
    if (this.#waiting.has(id) || this.#running.has(id) || this.#delayed.has(id)) return;
    const timer = setTimeout(() => {
      this.#delayed.delete(id);
      this.want(id);
    }, OVERTAKEN_MS);
    this.#delayed.set(id, timer);
  }

  /** Pulls. */
  start(): void {
    if (this.#resting) return;
    this.#resting = new AbortController();
    this.#rest = this.#resting.signal;
    this.#pump();
  }

  /** Pulls nothing until it is started, and forgets what it was to pull. What is under way is not taken. */
  stop(): void {
    this.#resting?.abort();
    this.#resting = undefined;
    this.#waiting.clear();
    for (const timer of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
  }

  #pump(): void {
    for (const id of this.#waiting) {
      if (this.#running.size >= WORKERS || this.#rest.aborted) return;
      // One that runs looks again when it ends.
      if (this.#running.has(id)) continue;
      this.#waiting.delete(id);
      this.#running.add(id);
      void this.#fill(id, this.#rest).finally(() => {
        this.#running.delete(id);
        this.#pump();
        if (this.isIdle && !this.#rest.aborted) this.#parts.idle();
      });
    }
  }

  async #fill(id: string, rest: AbortSignal): Promise<void> {
    const backoff = new Backoff(undefined, this.#parts.random);
    let dense = false;
    while (!rest.aborted) {
      const timeline = this.#parts.timeline(id);
      const range = timeline?.missing();
      if (!timeline || !range) return;
      try {
        const pages: Piece[] = await (dense ? this.#many(id, range) : this.#one(id, range));
        // What is not handed out must not count as such: this is asked before the timeline moves.
        if (rest.aborted) return;
        dense = pages.every((page) => page.full);
        for (const { end, messages } of pages) this.#deliver(id, timeline.cover(end, messages));
        backoff.reset();
      } catch (error) {
        dense = false;
        if (error instanceof NexoError && error.code === Code.NoAccess) this.#deliver(id, timeline.giveUp());
        else if (isPassing(error)) await pause(backoff.next(retryAfterMs(error)), rest);
        // Another reason will not go away by itself: the next message or reconnect tries again.
        else return this.#parts.failed(error);
      }
    }
  }

  /** Pulls the next page, of as many seqs as it takes to fill it. */
  async #one(id: string, { begin, end }: Range): Promise<Piece[]> {
    const { messages } = await this.#parts.pull({ conversation_id: id, begin_seq: begin, end_seq: end, limit: PAGE });
    if (messages.length < PAGE) return [{ end, messages, full: false }];
    const last = messages.at(-1)?.seq ?? end;
    return [{ end: last, messages, full: last - begin + 1 === messages.length }];
  }

  /** Pulls several pages at once, each of so many seqs as fit into one. */
  #many(id: string, { begin, end }: Range): Promise<Piece[]> {
    const ranges: Range[] = [];
    for (let from = begin; from <= end && ranges.length < AT_ONCE; from += PAGE) {
      ranges.push({ begin: from, end: Math.min(end, from + PAGE - 1) });
    }
    const ask = async (range: Range): Promise<Piece> => {
      const pull = { conversation_id: id, begin_seq: range.begin, end_seq: range.end, limit: PAGE };
      const { messages } = await this.#parts.pull(pull);
      return { end: range.end, messages, full: messages.length >= PAGE };
    };
    return Promise.all(ranges.map(ask));
  }

  #deliver(id: string, messages: Message[]): void {
    if (messages.length > 0) this.#parts.deliver(id, messages);
  }
}
