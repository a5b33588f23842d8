/** Messages on their way out: each is kept until the server has answered, and repeated until it has. */

import { Backoff, pause, type Random } from './backoff.js';
import { groupId, singleId } from './conversations.js';
import { NexoError, isPassing, isTokenError, retryAfterMs } from './errors.js';
import type { Message, Send } from './types.js';

/** How far a message is. */
export type OutgoingState = 'sending' | 'sent' | 'failed';

/** A message on its way out. Plain data: it is kept as it is. */
export interface Outgoing {
  client_msg_id: string;
  conversation_id: string;
  state: OutgoingState;
  send: Send;
  created_at_ms: number;
  /** Its place among the messages on their way out. */
  order: number;
  /** Why it failed. */
  error?: { code: number; message: string };
  /** What became of it. */
  message?: Message;
}

/** A message that was handed in. */
export interface Sending {
  client_msg_id: string;
  conversation_id: string;
  /** Resolves once it outlives a reload. */
  kept: Promise<void>;
  /** Resolves once it is stored at the server; rejects if the server refuses it. Not looking at it is fine. */
  stored: Promise<Message>;
}

/** What an outbox works with. */
export interface OutboxParts {
  me: string;
  random: Random;
  transmit: (send: Send) => Promise<Message>;
  keep: (outgoing: Outgoing) => Promise<void>;
  drop: (outgoing: Outgoing) => Promise<void>;
  /** It went further. */
  changed: (outgoing: Outgoing) => void;
  /** It is stored; `changed` follows. */
  stored: (message: Message) => void;
  failed: (error: unknown) => void;
}

interface Item {
  outgoing: Outgoing;
  kept: Promise<void>;
  stored: Promise<Message>;
  resolve: (message: Message) => void;
  reject: (error: Error) => void;
}

/** The largest body that the server takes. */
const BODY_BYTES = 64 * 1_024;

/** The outbox of a user. One message of a conversation is under way at a time, so they are stored in the order of handing in. */
export class Outbox {
  readonly #parts: OutboxParts;
  #items = new Map<string, Item>();
  #lanes = new Set<string>();
  #order = 0;
  #open: AbortController | undefined;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Takes up what was kept. */
  load(kept: Outgoing[]): void {
    for (const outgoing of kept.sort((a, b) => a.order - b.order)) {
      this.#order = Math.max(this.#order, outgoing.order);
      this.#items.set(outgoing.client_msg_id, item(outgoing, Promise.resolve()));
    }
  }

  /** All that are not stored yet, in the order of handing in. */
  list(): Outgoing[] {
    return [...this.#items.values()].map(({ outgoing }) => ({ ...outgoing }));
  }

  /** Takes a message. One with a `client_msg_id` that is on its way already is that one. */
  add(send: Send): Sending {
    const known = this.#items.get(send.client_msg_id);
    if (known) return sending(known);
    const outgoing: Outgoing = {
      client_msg_id: send.client_msg_id,
      conversation_id: send.session_type === 1 ? singleId(this.#parts.me, send.recv_id ?? '') : groupId(send.group_id ?? ''),
      state: 'sending',
      send,
      created_at_ms: Date.now(),
      order: (this.#order += 1),
    };
    // A store that fails costs the safety of a reload, not the message.
    const kept = this.#parts.keep(outgoing);
    kept.catch(this.#parts.failed);
    const added = item(outgoing, kept);
    this.#items.set(outgoing.client_msg_id, added);
    this.#parts.changed({ ...outgoing });
    this.#run(outgoing.conversation_id);
    return sending(added);
  }

  /** Tries a failed one again. */
  retry(client_msg_id: string): void {
    const found = this.#items.get(client_msg_id);
    if (found?.outgoing.state !== 'failed') return;
    const { error: _, ...outgoing } = found.outgoing;
    const again = item({ ...outgoing, state: 'sending' }, this.#parts.keep({ ...outgoing, state: 'sending' }));
    again.kept.catch(this.#parts.failed);
    this.#items.set(client_msg_id, again);
    this.#parts.changed({ ...again.outgoing });
    this.#run(outgoing.conversation_id);
  }

  /** Gives up a failed one. */
  discard(client_msg_id: string): void {
    const found = this.#items.get(client_msg_id);
    if (found?.outgoing.state !== 'failed') return;
    this.#items.delete(client_msg_id);
    this.#parts.drop(found.outgoing).catch(this.#parts.failed);
  }

  /** The connection is there. */
  open(): void {
    this.#open ??= new AbortController();
    for (const { outgoing } of this.#items.values()) this.#run(outgoing.conversation_id);
  }

  /** The connection is gone. */
  shut(): void {
    this.#open?.abort();
    this.#open = undefined;
  }

  /** A stored message came by another way than the answer: if it is one of these, it is done. */
  settle(message: Message): void {
    const found = this.#items.get(message.client_msg_id);
    if (!found || message.sender_id !== this.#parts.me) return;
    this.#items.delete(message.client_msg_id);
    this.#parts.drop(found.outgoing).catch(this.#parts.failed);
    this.#parts.changed({ ...found.outgoing, state: 'sent', message });
    found.resolve(message);
  }

  #run(lane: string): void {
    if (!this.#open || this.#lanes.has(lane)) return;
    this.#lanes.add(lane);
    void this.#work(lane, this.#open.signal).finally(() => {
      this.#lanes.delete(lane);
      // The connection may have come back, or a message come in, while this ended.
      if (this.#head(lane)) this.#run(lane);
    });
  }

  #head(lane: string): Item | undefined {
    for (const found of this.#items.values()) {
      if (found.outgoing.conversation_id === lane && found.outgoing.state === 'sending') return found;
    }
    return undefined;
  }

  async #work(lane: string, shut: AbortSignal): Promise<void> {
    const backoff = new Backoff({ firstMs: 200, longestMs: 30_000 }, this.#parts.random);
    while (!shut.aborted) {
      const head = this.#head(lane);
      if (!head) return;
      await head.kept.catch(() => {});
      if (shut.aborted) return;
      try {
        const message = await this.#transmit(head.outgoing.send);
        backoff.reset();
        this.#parts.stored(message);
        this.settle(message);
      } catch (error) {
        // A refused token is no fault of the message: the client looks for another one, and reconnects.
        if (isTokenError(error)) this.#parts.failed(error);
        if (isPassing(error) || isTokenError(error)) await pause(backoff.next(retryAfterMs(error)), shut);
        else this.#fail(head, error);
      }
    }
  }

  #transmit(send: Send): Promise<Message> {
    // As a frame it would end the connection, again and again.
    const bytes = new TextEncoder().encode(JSON.stringify(send)).length;
    if (bytes > BODY_BYTES) return Promise.reject(new NexoError(1001, `content: at most ${BODY_BYTES} bytes, got ${bytes}`));
    return this.#parts.transmit(send);
  }

  #fail(head: Item, cause: unknown): void {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    const code = cause instanceof NexoError ? cause.code : 0;
    Object.assign(head.outgoing, { state: 'failed', error: { code, message: error.message } });
    this.#parts.keep(head.outgoing).catch(this.#parts.failed);
    this.#parts.changed({ ...head.outgoing });
    head.reject(error);
  }
}

function item(outgoing: Outgoing, kept: Promise<void>): Item {
  let resolve: Item['resolve'] = () => {};
  let reject: Item['reject'] = () => {};
  const stored = new Promise<Message>((good, bad) => {
    resolve = good;
    reject = bad;
  });
  // Who does not wait for it hears of a failure by the event.
  stored.catch(() => {});
  return { outgoing, kept, stored, resolve, reject };
}

function sending({ outgoing, kept, stored }: Item): Sending {
  return { client_msg_id: outgoing.client_msg_id, conversation_id: outgoing.conversation_id, kept, stored };
}

/** A new `client_msg_id`: a UUID, also on pages that `crypto.randomUUID` does not serve. */
export function newClientMsgId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
