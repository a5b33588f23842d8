/** Conversations, people and messages as short texts. */

import type { ConversationView, Message } from '@nexo-im/client';
import type { Listed } from '../lib/list.js';
import type { Chat } from '../state/chat.js';
import { words } from '../state/settings.js';

/** What stands for a conversation; a name of `undefined` is not known yet. */
export function titleOf(
  chat: Chat,
  view: Pick<ConversationView, 'conversation_type' | 'peer_user_id' | 'group_id'>,
): { name: string | undefined; avatar: string | undefined; avatarId: string } {
  const say = words.value;
  if (view.conversation_type === 2) {
    const group = chat.names.group(view.group_id);
    return { name: group === null ? say.unknownGroup : group?.name, avatar: group?.avatar, avatarId: view.group_id };
  }
  const user = chat.names.user(view.peer_user_id);
  return { name: user === null ? view.peer_user_id : user?.nickname, avatar: user?.avatar, avatarId: view.peer_user_id };
}

/** The name of a user; the id until it is known. */
export function nameOf(chat: Chat, user_id: string): string {
  return chat.names.user(user_id)?.nickname ?? user_id;
}

/** What a message says, without who says it. */
export function gist({ msg_type, content }: Pick<Message, 'msg_type' | 'content'>): string {
  const say = words.value;
  switch (msg_type) {
    case 1:
      // Enough for a line: a long text would be laid out for nothing.
      return (typeof content.text === 'string' ? content.text : '').slice(0, 160);
    case 2:
      return `[${say.image}]`;
    case 3:
      return `[${say.video}]`;
    case 4:
      return `[${say.audio}]`;
    case 5:
      return `[${say.file}] ${typeof content.file_name === 'string' ? content.file_name.slice(0, 100) : ''}`;
    default:
      return `[${say.custom}]`;
  }
}

/** What the list shows of a conversation: the last that was said in it, or that is to be; `undefined` is not known yet. */
export function previewOf(chat: Chat, view: Listed): string | undefined {
  const message = chat.preview(view);
  const { unsent } = view;
  if (unsent && unsent.created_at_ms >= (message?.send_at ?? 0)) return `${words.value.you}: ${gist(unsent.send)}`;
  return message ? oneLine(chat, message) : message === null ? words.value.noMessages : undefined;
}

function oneLine(chat: Chat, message: Message): string {
  const mine = message.sender_id === chat.me;
  if (mine) return `${words.value.you}: ${gist(message)}`;
  return message.session_type === 2 ? `${nameOf(chat, message.sender_id)}: ${gist(message)}` : gist(message);
}
