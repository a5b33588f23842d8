/** What a history looks like: one row for each message, with what stands above it. Pure. */

import type { Message, Outgoing } from '@nexo-im/client';
import { dayOf } from './time.js';

/** How far one's own message is. */
export type Delivery = 'sending' | 'sent' | 'failed';

/** A message, stored or on its way out. */
export interface Row {
  /** The same before and after it is stored. */
  key: string;
  sender_id: string;
  msg_type: Message['msg_type'];
  content: Message['content'];
  at_ms: number;
  /** None before it is stored. */
  seq: number | undefined;
  mine: boolean;
  delivery: Delivery;
  client_msg_id: string;
  /** Why it failed. */
  error: Outgoing['error'] | undefined;
  /** The first of a day. */
  newDay: boolean;
  /** The first and the last of what one person said in a row. */
  first: boolean;
  last: boolean;
  /** The first that was unread when the conversation was opened. */
  firstUnread: boolean;
}

/** What the rows are made of. */
export interface RowParts {
  me: string;
  /** In order of seq. */
  messages: readonly Message[];
  /** In order of sending. */
  outgoing: readonly Outgoing[];
  /** Up to where it had been read when it was opened; `undefined` draws no line. */
  read_seq: number | undefined;
}

/** So long after the last one a message of the same person begins anew. */
const PAUSE_MS = 5 * 60_000;

/** The rows of a history. */
export function rows({ me, messages, outgoing, read_seq }: RowParts): Row[] {
  const known = new Set(messages.filter(({ sender_id }) => sender_id === me).map(({ client_msg_id }) => client_msg_id));
  const made = messages.map((message) => stored(message, me));
  for (const one of outgoing) if (!known.has(one.client_msg_id)) made.push(pending(one, me));
  arrange(made, read_seq);
  return made;
}

function arrange(made: Row[], read_seq: number | undefined): void {
  let unreadDrawn = read_seq === undefined;
  made.forEach((row, at) => {
    const before = made[at - 1];
    row.newDay = !before || dayOf(before.at_ms) !== dayOf(row.at_ms);
    if (!unreadDrawn && !row.mine && row.seq !== undefined && row.seq > (read_seq ?? 0)) {
      // With nothing read above it the line would say nothing.
      row.firstUnread = before !== undefined;
      unreadDrawn = true;
    }
    row.first = row.newDay || row.firstUnread || !before || !together(before, row);
    if (before) before.last = row.first;
  });
}

function together(before: Row, row: Row): boolean {
  return before.sender_id === row.sender_id && Math.abs(row.at_ms - before.at_ms) < PAUSE_MS;
}

function stored(message: Message, me: string): Row {
  const mine = message.sender_id === me;
  const { sender_id, msg_type, content, send_at: at_ms, seq, client_msg_id } = message;
  // The ids of two people may be equal.
  const key = mine ? `mine/${client_msg_id}` : `seq/${seq}`;
  return { ...{ key, sender_id, msg_type, content, at_ms, seq, mine, client_msg_id }, ...plain('sent') };
}

function pending(outgoing: Outgoing, me: string): Row {
  const { client_msg_id, send, message, state, created_at_ms, error } = outgoing;
  const key = `mine/${client_msg_id}`;
  const { msg_type, content } = send;
  const at_ms = message?.send_at ?? created_at_ms;
  return { ...{ key, sender_id: me, msg_type, content, at_ms, seq: message?.seq, mine: true, client_msg_id }, ...plain(state), error };
}

function plain(delivery: Delivery): Pick<Row, 'delivery' | 'error' | 'newDay' | 'first' | 'last' | 'firstUnread'> {
  return { delivery, error: undefined, newDay: false, first: true, last: true, firstUnread: false };
}
