/** All that a signed-in user sees: the list, who is who, and the open conversation. */

import {
  type ConversationView,
  type GroupChanged,
  type Message,
  NexoClient,
  type Outgoing,
  groupId,
  singleId,
} from '@nexo-im/client';
import { computed, signal } from '@preact/signals';
import { type Listed, listed } from '../lib/list.js';
import { Queue } from '../lib/queue.js';
import { Names, type Known } from './names.js';
import { Room, type Target } from './room.js';

/** The list is drawn again after so long, however many changes come meanwhile. */
const REDRAW_MS = 30;

/** A signed-in user. */
export class Chat {
  readonly client: NexoClient;
  readonly me: string;
  readonly names: Names;
  readonly list = signal<readonly Listed[]>([]);
  readonly connection;
  readonly room = signal<Room | undefined>(undefined);
  /** The last change of a group, for whom shows its members. */
  readonly groupChange = signal<GroupChanged | undefined>(undefined);
  /** Why something failed whose place on the page is gone. */
  readonly lateFailure = signal<{ why: string } | undefined>(undefined);
  /** What is unread where nobody muted it. */
  readonly unread = computed(() => this.list.value.reduce((sum, one) => sum + (one.recv_msg_opt === 0 ? one.unread_count : 0), 0));
  readonly byId = computed(() => new Map(this.list.value.map((view) => [view.conversation_id, view])));
  /** Last messages that did not come by themselves. */
  #previews = new Map<string, { seq: number; message: ReturnType<typeof signal<Known<Message>>> }>();
  #queue = new Queue(4);
  #redraw: ReturnType<typeof setTimeout> | undefined;
  #off: (() => void)[];

  constructor(client: NexoClient, me: string) {
    this.client = client;
    this.me = me;
    this.names = new Names(client.api);
    this.connection = signal(client.state);
    this.#list();
    this.#off = [
      client.on('conversation', () => this.#later()),
      client.on('messages', (messages) => this.#arrived(messages)),
      client.on('outgoing', (outgoing) => this.#moved(outgoing)),
      client.on('group_changed', (change) => this.#groupChanged(change)),
      client.on('recovered', ({ whole }) => this.#recovered(whole)),
      client.on('state', () => this.#stateChanged()),
    ];
  }

  /** Opens a conversation, or none. */
  open(conversation_id: string | undefined): void {
    if (this.room.value?.id === conversation_id) return;
    this.room.value?.close();
    this.room.value = undefined;
    if (conversation_id === undefined) return;
    const view = this.client.conversation(conversation_id) ?? this.#unknown(conversation_id);
    const to = view && targetOf(view);
    if (!view || !to) return;
    const room = new Room(this.client, this.me, view, to);
    this.room.value = room;
    this.names.refresh('recv_id' in to ? { user_id: to.recv_id } : to);
    void room.lookForMembership();
  }

  /** The last message of a conversation, which may have to be asked for. */
  preview(view: ConversationView): Known<Message> {
    if (view.last_message) return view.last_message;
    if (view.max_seq === 0) return null;
    const known = this.#previews.get(view.conversation_id);
    if (known && known.seq >= view.max_seq) return known.message.value;
    const message = known?.message ?? signal<Known<Message>>(undefined);
    this.#previews.set(view.conversation_id, { seq: view.max_seq, message });
    this.#askPreview(view, message);
    return message.value;
  }

  /** The list is being scrolled, or stands still. */
  moving(isMoving: boolean): void {
    this.names.moving(isMoving);
    this.#queue.moving(isMoving);
  }

  /** Gives up a failed message of the open conversation. */
  discard(client_msg_id: string): void {
    this.room.value?.discard(client_msg_id);
    this.#later();
  }

  /** The user left a group: no frame says so to the device that did it. */
  groupLeft(group_id: string): void {
    this.names.refresh({ group_id });
    void this.room.value?.lookForMembership();
  }

  /** Ends, and writes what is to be kept. */
  async close(): Promise<void> {
    for (const off of this.#off) off();
    clearTimeout(this.#redraw);
    this.#queue.clear();
    this.names.stop();
    this.room.value?.close();
    await this.client.close();
  }

  #askPreview(view: ConversationView, message: ReturnType<typeof signal<Known<Message>>>): void {
    const ask = async (): Promise<void> => {
      try {
        const [last] = await this.client.history(view.conversation_id, { before_seq: view.max_seq + 1, limit: 1 });
        message.value = last ?? null;
      } catch {
        dropped();
      }
    };
    // It is asked for again when the row is drawn next.
    const dropped = (): void => void this.#previews.delete(view.conversation_id);
    this.#queue.add(ask, dropped);
  }

  #unknown(conversation_id: string): ConversationView | undefined {
    const conversation = { conversation_id, recv_msg_opt: 0, is_pinned: false, unread_count: 0 } as const;
    const place = { max_seq: 0, read_seq: 0, updated_at: 0, last_message: undefined };
    if (conversation_id.startsWith('sg_')) {
      return { ...conversation, ...place, conversation_type: 2, peer_user_id: '', group_id: conversation_id.slice(3) };
    }
    const [a, b, more] = conversation_id.slice(3).split(':');
    if (!conversation_id.startsWith('si_') || !a || !b || more !== undefined) return undefined;
    if (a !== this.me && b !== this.me) return undefined;
    return { ...conversation, ...place, conversation_type: 1, peer_user_id: a === this.me ? b : a, group_id: '' };
  }

  #later(): void {
    this.#redraw ??= setTimeout(() => {
      this.#redraw = undefined;
      this.#list();
    }, REDRAW_MS);
  }

  #list(): void {
    this.list.value = listed(this.client.conversations(), this.client.outgoing(), (id) => this.#unknown(id));
  }

  #arrived(messages: Message[]): void {
    const first = messages[0];
    if (first && first.conversation_id === this.room.value?.id) this.room.value.arrived(messages);
  }

  #moved(outgoing: Outgoing): void {
    this.#later();
    if (outgoing.conversation_id === this.room.value?.id) this.room.value.moved(outgoing);
  }

  #groupChanged(change: GroupChanged): void {
    this.groupChange.value = change;
    this.names.refresh({ group_id: change.group_id });
    const room = this.room.value;
    if (room?.id !== groupId(change.group_id)) return;
    const aboutMe = change.user_ids.includes(this.me);
    if (aboutMe && change.change === 'kicked') room.member.value = false;
    else if (aboutMe || change.change === 'created') void room.lookForMembership();
  }

  #recovered(whole: boolean): void {
    if (whole) return;
    this.names.refreshGroups();
    void this.room.value?.lookForMembership();
  }

  #stateChanged(): void {
    this.connection.value = this.client.state;
    if (this.client.state !== 'online') return;
    this.names.online();
    this.room.value?.again();
    this.#later();
  }
}

/** To whom a conversation goes. */
export function targetOf(view: Pick<ConversationView, 'conversation_type' | 'peer_user_id' | 'group_id'>): Target | undefined {
  if (view.conversation_type === 2) return view.group_id === '' ? undefined : { group_id: view.group_id };
  return view.peer_user_id === '' ? undefined : { recv_id: view.peer_user_id };
}

/** The conversation with a target. */
export function conversationWith(me: string, to: Target): string {
  return 'recv_id' in to ? singleId(me, to.recv_id) : groupId(to.group_id);
}
