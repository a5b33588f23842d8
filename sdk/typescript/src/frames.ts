/** The frames of the WebSocket, and how they are told apart. */

import type { Message } from './types.js';

/** A pushed message. */
export interface MessageFrame extends Message {
  push_id: string;
}

/** The first frame. */
export interface Hello {
  event: 'hello';
  version: number;
  server_time: number;
  heartbeat_ms: number;
  push_id: string;
}

/** The user read a conversation on another platform. */
export interface ConversationRead {
  event: 'conversation_read';
  conversation_id: string;
  read_seq: number;
  push_id: string;
}

/** The user set, on any of its devices, how it has a conversation. */
export interface ConversationChanged {
  event: 'conversation_changed';
  conversation_id: string;
  recv_msg_opt: 0 | 1 | 2;
  is_pinned: boolean;
  push_id: string;
}

/** What happened to a group. */
export type GroupChange =
  | 'created'
  | 'joined'
  | 'quit'
  | 'kicked'
  | 'role'
  | 'transferred'
  | 'dismissed'
  | 'updated'
  | 'nickname';

/** A group changed. */
export interface GroupChanged {
  event: 'group_changed';
  group_id: string;
  change: GroupChange;
  operator_id: string;
  user_ids: string[];
  push_id: string;
}

/** A recovery ended. */
export interface Recovered {
  event: 'recovered';
  whole: boolean;
  conversations?: { conversation_id: string; max_seq: number }[];
  more?: boolean;
  push_id: string;
}

/** A frame with `event`. Those of later versions are let pass. */
export type EventFrame = Hello | ConversationRead | ConversationChanged | GroupChanged | Recovered;

/** The answer to a frame of the client. */
export interface AnswerFrame {
  id: string | number | null;
  code: number;
  msg: string;
  data: unknown;
  retry_after_ms?: number;
}

/** Any frame. */
export type Frame =
  | { kind: 'message'; frame: MessageFrame }
  | { kind: 'event'; frame: EventFrame }
  | { kind: 'answer'; frame: AnswerFrame }
  | { kind: 'unknown' };

/** The ops of client frames. */
export type Op = 'send' | 'pull' | 'max_seq' | 'mark_read' | 'ping';

/** Reads a frame. What is no frame of this protocol is unknown, and no error. */
export function readFrame(text: string): Frame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'unknown' };
  }
  if (typeof value !== 'object' || value === null) return { kind: 'unknown' };
  if ('event' in value) return { kind: 'event', frame: value as EventFrame };
  if ('code' in value && 'id' in value) return { kind: 'answer', frame: value as AnswerFrame };
  if ('seq' in value && 'conversation_id' in value) return { kind: 'message', frame: value as MessageFrame };
  return { kind: 'unknown' };
}
