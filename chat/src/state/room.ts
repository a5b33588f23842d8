/** The conversation that is open: its history, and what is on its way out. */

import { type ConversationView, type Content, type Message, type MsgType, NexoError, type NexoClient, type Outgoing } from '@nexo-im/client';
import { computed, effect, signal } from '@preact/signals';
import { rows } from '../lib/rows.js';
import { HistoryWindow } from './window.js';

/** To whom a conversation goes. */
export type Target = { recv_id: string } | { group_id: string };

/** After two frames the last change is on the screen and measured. */
const shown = (): Promise<void> =>
  new Promise((resolve) => {
    // A tab that nobody sees has no frames.
    const late = setTimeout(resolve, 200);
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        clearTimeout(late);
        resolve();
      }),
    );
  });

/** An open conversation. */
export class Room {
  readonly id: string;
  readonly to: Target;
  readonly history: HistoryWindow;
  readonly outgoing = signal<readonly Outgoing[]>([]);
  /** Counts what was sent from here, so that the page goes down to it. */
  readonly sent = signal(0);
  /** Whether the user is a member; true for two people. */
  readonly member = signal(true);
  readonly rows;
  readonly #client: NexoClient;
  readonly #read_seq: number | undefined;
  readonly #stop: () => void;

  constructor(client: NexoClient, me: string, view: ConversationView, to: Target) {
    this.#client = client;
    this.id = view.conversation_id;
    this.to = to;
    this.#read_seq = view.unread_count > 0 ? view.read_seq : undefined;
    this.history = new HistoryWindow(
      {
        before: (before_seq, limit) => client.history(this.id, { before_seq, limit }),
        after: (after_seq, limit) => client.history(this.id, { after_seq, limit }),
      },
      shown,
    );
    this.outgoing.value = client.outgoing().filter(({ conversation_id }) => conversation_id === this.id);
    this.rows = computed(() => {
      const { messages, atEnd } = this.history.stretch.value;
      return rows({ me, messages, outgoing: atEnd ? this.outgoing.value : [], read_seq: this.#read_seq });
    });
    this.#stop = effect(() => this.#forgetStored());
    void this.history.latest(view.max_seq);
  }

  /** Sends from here. */
  send(content: Content, msg_type: MsgType = 1): void {
    this.#client.send({ ...this.to, content, msg_type });
    this.sent.value += 1;
    if (!this.history.stretch.value.atEnd) this.latest();
  }

  /** Goes to the end. */
  latest(): void {
    void this.history.latest(this.#client.conversation(this.id)?.max_seq ?? 0);
  }

  /** Tries again what failed to load. */
  again(): void {
    const { failed, ready } = this.history.stretch.value;
    if (failed && !ready) this.latest();
    else if (failed) void this.history.older();
  }

  retry(client_msg_id: string): void {
    this.#client.retry(client_msg_id);
  }

  discard(client_msg_id: string): void {
    this.#client.discard(client_msg_id);
    this.outgoing.value = this.outgoing.value.filter((one) => one.client_msg_id !== client_msg_id);
  }

  /** Takes messages of the conversation. */
  arrived(messages: readonly Message[]): void {
    this.history.arrived(messages);
  }

  /** A message of here went further. One that is stored stays until the history has it. */
  moved(outgoing: Outgoing): void {
    const known = this.outgoing.value.some((one) => one.client_msg_id === outgoing.client_msg_id);
    this.outgoing.value = known
      ? this.outgoing.value.map((one) => (one.client_msg_id === outgoing.client_msg_id ? outgoing : one))
      : [...this.outgoing.value, outgoing];
  }

  /** Marks all as read. */
  read(): void {
    const view = this.#client.conversation(this.id);
    if (view && (view.unread_count > 0 || view.read_seq < view.max_seq)) this.#client.markRead(this.id);
  }

  /** Asks whether the user is a member, of a group that may not have the user any more. */
  async lookForMembership(): Promise<void> {
    if (!('group_id' in this.to)) return;
    try {
      await this.#client.api.members(this.to.group_id, { limit: 1 });
      this.member.value = true;
    } catch (error) {
      // Without an answer nothing is known, and a send will tell.
      if (error instanceof NexoError && error.code === 3003) this.member.value = false;
    }
  }

  close(): void {
    this.#stop();
  }

  #forgetStored(): void {
    const last = this.history.stretch.value.messages.at(-1)?.seq ?? 0;
    const kept = this.outgoing.value.filter(({ state, message }) => state !== 'sent' || (message?.seq ?? 0) > last);
    if (kept.length < this.outgoing.value.length) this.outgoing.value = kept;
  }
}
