/** The local list of conversations: what the server said, and what has arrived since. */

import { Timeline } from './timeline.js';
import type { Conversation, ConversationUpdate, Message } from './types.js';
import { Unread, type UnreadRecord } from './unread.js';

/** A conversation as the application sees it. */
export interface ConversationView extends Conversation {
  /** The last message that arrived here, if one did. */
  last_message: Message | undefined;
}

/** What is kept of a conversation. */
export interface ConversationRecord {
  settings: Conversation;
  cursor: number;
  target: number;
  unread: UnreadRecord;
  last_message: Message | undefined;
  /** A read mark that the server does not know yet. */
  unsent_read: number;
}

/** A conversation of this user. */
export class Entry {
  settings: Conversation;
  readonly timeline: Timeline;
  readonly unread: Unread;
  last_message: Message | undefined;
  unsent_read = 0;

  constructor(settings: Conversation, timeline: Timeline, unread: Unread) {
    this.settings = settings;
    this.timeline = timeline;
    this.unread = unread;
  }

  get id(): string {
    return this.settings.conversation_id;
  }

  view(): ConversationView {
    return {
      ...this.settings,
      unread_count: this.unread.count,
      read_seq: this.unread.read_seq,
      max_seq: Math.max(this.settings.max_seq, this.timeline.target),
      last_message: this.last_message,
    };
  }

  record(): ConversationRecord {
    const { settings, timeline, unread, last_message, unsent_read } = this;
    return { settings, cursor: timeline.cursor, target: timeline.target, unread: unread.record(), last_message, unsent_read };
  }

  static of(record: ConversationRecord): Entry {
    const { settings, cursor, target, unread, last_message, unsent_read } = record;
    return Object.assign(new Entry(settings, new Timeline(cursor, target), new Unread(unread)), { last_message, unsent_read });
  }

  /** Takes the server's word. */
  told(settings: Conversation): void {
    this.unread.told(settings.max_seq, settings.read_seq, settings.unread_count);
    this.timeline.aim(settings.max_seq);
    this.settings = { ...settings, updated_at: Math.max(settings.updated_at, this.settings.updated_at) };
  }

  /** Takes settings that were changed. */
  configured({ recv_msg_opt, is_pinned }: ConversationUpdate): void {
    const before = this.settings;
    this.settings = { ...before, recv_msg_opt: recv_msg_opt ?? before.recv_msg_opt, is_pinned: is_pinned ?? before.is_pinned };
  }

  /** Counts a message that is handed out. */
  handedOut(message: Message, mine: boolean): void {
    if (mine) this.unread.read(message.seq);
    else this.unread.received(message.seq);
    this.last_message = message;
    this.settings = { ...this.settings, updated_at: Math.max(this.settings.updated_at, message.send_at) };
  }
}

/** All conversations of this user. */
export class Conversations {
  readonly #me: string;
  #entries = new Map<string, Entry>();

  constructor(me: string) {
    this.#me = me;
  }

  /** Takes up what was kept. */
  load(record: ConversationRecord): void {
    const entry = Entry.of(record);
    this.#entries.set(entry.id, entry);
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id);
  }

  /** The one with this id; a new one knows no more than its id says, and begins after `cursor`. */
  open(id: string, cursor = 0): Entry {
    const known = this.#entries.get(id);
    if (known) return known;
    const entry = new Entry(unknown(id, this.#me), new Timeline(cursor), new Unread());
    this.#entries.set(id, entry);
    return entry;
  }

  /** Takes the server's word about one; a new one begins after `cursor`. */
  told(settings: Conversation, cursor: number): Entry {
    const known = this.#entries.get(settings.conversation_id);
    const entry = known ?? new Entry(settings, new Timeline(cursor), new Unread());
    this.#entries.set(entry.id, entry);
    entry.told(settings);
    return entry;
  }

  all(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Pinned ones first, then the latest first. */
  list(): ConversationView[] {
    return [...this.#entries.values()].map((entry) => entry.view()).sort(newerFirst);
  }
}

/** The order of the list. */
export function newerFirst(a: Pick<Conversation, 'is_pinned' | 'updated_at'>, b: Pick<Conversation, 'is_pinned' | 'updated_at'>): number {
  return Number(b.is_pinned) - Number(a.is_pinned) || b.updated_at - a.updated_at;
}

/** The conversation of two users. */
export function singleId(a: string, b: string): string {
  // Ids are ASCII, so characters compare as bytes do.
  return a <= b ? `si_${a}:${b}` : `si_${b}:${a}`;
}

/** The conversation of a group. */
export function groupId(group_id: string): string {
  return `sg_${group_id}`;
}

function unknown(conversation_id: string, me: string): Conversation {
  const single = conversation_id.startsWith('si_');
  const rest = conversation_id.slice(3);
  const [a = '', b = ''] = single ? rest.split(':') : [];
  return {
    conversation_id,
    conversation_type: single ? 1 : 2,
    peer_user_id: single ? (a === me ? b : a) : '',
    group_id: single ? '' : rest,
    recv_msg_opt: 0,
    is_pinned: false,
    unread_count: 0,
    max_seq: 0,
    read_seq: 0,
    updated_at: 0,
  };
}
