/** What a client tells, by name. */

import type { ConnectionState } from './connection.js';
import type { ConversationView } from './conversations.js';
import type { GroupChanged } from './frames.js';
import type { Outgoing } from './outbox.js';
import type { Message } from './types.js';

/** Why a login ended. */
export type SignedOut =
  /** Another login on this platform took its place. */
  | 'replaced'
  /** The token ended, and there is no other one. */
  | 'expired'
  /** By `logout`. */
  | 'logout';

/** The events of a client. */
export interface ClientEvents {
  /** A message is next in its conversation: each once, in order. */
  message: Message;
  /** The same messages as `message`, as many at once as came at once. */
  messages: Message[];
  /** A message on its way out went further. */
  outgoing: Outgoing;
  /** A conversation changed. */
  conversation: ConversationView;
  group_changed: GroupChanged;
  /** A recovery ended. If it was not whole, `group_changed` of that time is lost: look at groups again. */
  recovered: { whole: boolean };
  /** Nothing is missing. */
  synced: undefined;
  state: ConnectionState;
  /** The login ended: ask the user. What was on its way out is kept for the next login. */
  signed_out: { reason: SignedOut };
  /** Something went wrong that no call is about, and is dealt with: for logs. */
  error: unknown;
}
