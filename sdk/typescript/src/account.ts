/** All that a client knows of its user: conversations, what is missing, what is on its way out, and where the log stands. */

import type { Api } from './api.js';
import type { Random } from './backoff.js';
import { Catchup } from './catchup.js';
import { type ConversationRecord, Conversations, type Entry, groupId } from './conversations.js';
import type { Emitter } from './emitter.js';
import type { ClientEvents } from './events.js';
import type { EventFrame, GroupChanged, Hello, MessageFrame, Op, Recovered } from './frames.js';
import { page } from './history.js';
import type { Journal } from './journal.js';
import { Outbox, type Outgoing } from './outbox.js';
import { Position, type PositionRecord } from './position.js';
import { Reads } from './reads.js';
import { Refresh } from './refresh.js';
import type { Conversation, ConversationUpdate, Message, Send } from './types.js';

/** What an account works with. */
export interface AccountParts {
  me: string;
  server: string;
  api: Api;
  journal: Journal;
  random: Random;
  /** What to do with the messages that were there before this device was. */
  history: 'skip' | 'deliver';
  call: <T>(op: Op, data: object) => Promise<T>;
  events: Emitter<ClientEvents>;
  failed: (error: unknown) => void;
}

const POSITION = 'position';
const KNOWN = 'known';
const CONVERSATION = 'c/';
const OUTGOING = 'o/';

/** One user's state on this device. */
export class Account {
  readonly conversations: Conversations;
  readonly outbox: Outbox;
  readonly #parts: AccountParts;
  readonly #catchup: Catchup;
  readonly #refresh: Refresh;
  readonly #reads: Reads;
  #position: Position;
  /** Whether the list was once taken whole: a conversation that is new after that is new to the user. */
  #known = false;
  #fresh = true;
  #holding = 0;
  /** The first and the last seq of conversations that were pushed before the list was there. */
  #early = new Map<string, { first: number; last: number }>();
  #online = false;

  constructor(parts: AccountParts) {
    const { me, api, journal, random, failed } = parts;
    this.#parts = parts;
    this.conversations = new Conversations(me);
    this.#position = this.#positionAt();
    this.#catchup = new Catchup({
      pull: (pull) => page(api, pull),
      timeline: (id) => this.conversations.get(id)?.timeline,
      deliver: (id, messages) => this.#deliver(this.conversations.open(id), messages),
      idle: () => this.#settled(),
      ...{ failed, random },
    });
    const told = (conversations: Conversation[]): void => this.#told(conversations);
    this.#refresh = new Refresh({ list: api.conversations, info: api.conversation, told, failed, random });
    this.#reads = new Reads({ call: parts.call, marked: (id) => this.#refresh.one(id), failed });
    this.outbox = new Outbox({
      ...{ me, random, failed },
      transmit: (send: Send) => parts.call<Message>('send', send),
      keep: (outgoing) => journal.now(OUTGOING + outgoing.client_msg_id, { ...outgoing }),
      drop: (outgoing) => journal.now(OUTGOING + outgoing.client_msg_id, undefined),
      changed: (outgoing) => parts.events.emit('outgoing', outgoing),
      stored: (message) => this.#take(message),
    });
  }

  /** Takes up what the journal kept. */
  load(kept: [key: string, value: unknown][]): void {
    const outgoing: Outgoing[] = [];
    for (const [key, value] of kept) {
      if (key === KNOWN) this.#known = true;
      else if (key === POSITION) this.#position = this.#positionAt(value as PositionRecord);
      else if (key.startsWith(CONVERSATION)) this.conversations.load(value as ConversationRecord);
      else if (key.startsWith(OUTGOING)) outgoing.push(value as Outgoing);
    }
    this.outbox.load(outgoing);
  }

  /** On the first login of a device: what is there now is history, and what comes from now on is not. */
  async begin(): Promise<void> {
    if (this.#known) return;
    await this.#refresh.now();
    this.#becameKnown();
  }

  /** What to hand to `after`. */
  get after(): string | undefined {
    return this.#position.safe;
  }

  /** Whether nothing is missing that is known to be there. */
  get isSynced(): boolean {
    return this.#online && this.#holding === 0 && this.#catchup.isIdle;
  }

  /** Recovers nothing by position: the list says what was missed. */
  forgetPosition(): void {
    this.#position.forget();
    this.#fresh = true;
  }

  /** Nobody wants a connection: tells nothing until the next one. */
  rest(): void {
    this.offline();
    this.#catchup.stop();
  }

  /** Stops asking the server. */
  stop(): void {
    this.rest();
    this.#refresh.stop();
  }

  /** Takes a pushed message. */
  pushed(frame: MessageFrame): void {
    const { push_id, ...message } = frame;
    this.#take(message);
    this.#position.seen(push_id);
  }

  /** A socket greets. Where the log begins anew, only the list knows what was missed. */
  hello(frame: Hello, log: 'begins' | 'goes on'): void {
    if (log === 'begins' || this.#fresh) void this.#refreshAll();
    if (log === 'begins') this.#position.seen(frame.push_id);
  }

  /** Takes an event. */
  event(frame: Exclude<EventFrame, Hello>): void {
    switch (frame.event) {
      case 'recovered':
        return this.#recovered(frame);
      case 'conversation_read':
        this.#read(frame.conversation_id, frame.read_seq);
        break;
      case 'conversation_changed':
        this.configured(frame.conversation_id, frame);
        break;
      case 'group_changed':
        this.#groupChanged(frame);
        break;
      default:
        // An event of a later version.
        return;
    }
    this.#position.seen(frame.push_id);
  }

  /** The connection is there: what waited goes out. */
  online(): void {
    this.#online = true;
    this.outbox.open();
    this.#catchup.start();
    for (const entry of this.conversations.all()) {
      void this.#reads.send(entry);
      if (entry.timeline.missing()) this.#catchup.want(entry.id);
    }
    this.#settled();
  }

  /** The connection is gone. */
  offline(): void {
    this.#online = false;
    this.outbox.shut();
  }

  /** Moves the read mark, here at once and at the server when it can be reached. */
  markRead(conversation_id: string, seq: number): void {
    const entry = this.conversations.get(conversation_id);
    if (entry && this.#reads.mark(entry, seq)) this.#changed(entry);
  }

  /** Takes changed settings, and asks the server: of two changes at one time, the last one that is told may be the first. */
  configured(conversation_id: string, settings: ConversationUpdate): void {
    const entry = this.conversations.get(conversation_id);
    entry?.configured(settings);
    if (entry) this.#changed(entry);
    this.#refresh.one(conversation_id);
  }

  #positionAt(kept?: PositionRecord): Position {
    return new Position(this.#parts.server, () => this.#parts.journal.later(POSITION, () => this.#position.record()), kept);
  }

  #take(message: Message): void {
    this.outbox.settle(message);
    const id = message.conversation_id;
    const known = this.conversations.get(id);
    if (!known && !this.#known) {
      this.#early.set(id, { first: this.#early.get(id)?.first ?? message.seq, last: message.seq });
      return;
    }
    const entry = known ?? this.conversations.open(id);
    if (!known) this.#refresh.one(id);
    const fresh = entry.timeline.take(message);
    if (fresh.length > 0) this.#deliver(entry, fresh);
    else if (entry.timeline.missing()) this.#catchup.wantSoon(id);
  }

  #deliver(entry: Entry, messages: Message[]): void {
    for (const message of messages) {
      entry.handedOut(message, message.sender_id === this.#parts.me);
      this.outbox.settle(message);
      this.#parts.events.emit('message', message);
    }
    this.#parts.events.emit('messages', messages);
    this.#changed(entry);
  }

  #recovered(frame: Recovered): void {
    if (!frame.whole) void this.#refreshAll();
    for (const { conversation_id, max_seq } of frame.conversations ?? []) {
      const entry = this.conversations.get(conversation_id);
      if (entry) this.#aim(entry, max_seq);
      else this.#refresh.one(conversation_id);
    }
    this.#position.seen(frame.push_id);
    this.#parts.events.emit('recovered', { whole: frame.whole });
  }

  #groupChanged(frame: GroupChanged): void {
    this.#parts.events.emit('group_changed', frame);
    if (frame.user_ids.includes(this.#parts.me) || frame.change === 'created') this.#refresh.one(groupId(frame.group_id));
  }

  #read(id: string, read_seq: number): void {
    const entry = this.conversations.get(id);
    if (!entry || entry.unread.read(read_seq)) this.#refresh.one(id);
    if (entry) this.#changed(entry);
  }

  /** Takes the whole list. Until then the position stands still: what was missed is only known by the list. */
  async #refreshAll(): Promise<void> {
    const release = this.#position.hold();
    this.#fresh = false;
    this.#holding += 1;
    try {
      // If it was stopped, the position stays where it is.
      if (!(await this.#refresh.all())) return;
      this.#becameKnown();
    } catch (error) {
      // It may be taken with the next connection.
      this.forgetPosition();
      this.#parts.failed(error);
    }
    this.#holding -= 1;
    release();
    this.#settled();
  }

  #becameKnown(): void {
    for (const [id, { first, last }] of this.#early) this.#aim(this.conversations.open(id, this.#begin(first - 1)), last);
    this.#early.clear();
    this.#known = true;
    this.#parts.journal.later(KNOWN, () => true);
  }

  #told(conversations: Conversation[]): void {
    for (const conversation of conversations) {
      const early = this.#early.get(conversation.conversation_id);
      const history = Math.min(conversation.max_seq, early ? early.first - 1 : conversation.max_seq);
      const entry = this.conversations.told(conversation, this.#begin(history));
      this.#changed(entry);
      if (entry.timeline.missing()) this.#catchup.want(entry.id);
    }
  }

  /** Where a conversation begins that was not here before, if what was there before this device was ends at `history`. */
  #begin(history: number): number {
    return this.#known || this.#parts.history === 'deliver' ? 0 : history;
  }

  #aim(entry: Entry, seq: number): void {
    entry.timeline.aim(seq);
    if (!entry.timeline.missing()) return;
    this.#parts.journal.later(CONVERSATION + entry.id, () => entry.record());
    this.#catchup.want(entry.id);
  }

  #changed(entry: Entry): void {
    this.#parts.journal.later(CONVERSATION + entry.id, () => entry.record());
    this.#parts.events.emit('conversation', entry.view());
  }

  #settled(): void {
    if (this.isSynced) this.#parts.events.emit('synced', undefined);
  }
}
