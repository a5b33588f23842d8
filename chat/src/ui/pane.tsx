/** The right side: the open conversation. */

import { useEffect, useRef } from 'preact/hooks';
import type { Chat } from '../state/chat.js';
import type { Room } from '../state/room.js';
import { toList } from '../state/route.js';
import { narrow, words } from '../state/settings.js';
import { Composer } from './composer.js';
import { dialog } from './dialogs.js';
import { Log } from './log.js';
import { Avatar, Copyable, Failure, IconButton, useAction } from './parts.js';
import { HeaderMenu } from './settings.js';
import { titleOf } from './texts.js';

export function Pane({ chat }: { chat: Chat }) {
  const room = chat.room.value;
  return <main class="pane">{room ? <Conversation key={room.id} chat={chat} room={room} /> : <Nothing chat={chat} />}</main>;
}

function Nothing({ chat }: { chat: Chat }) {
  const say = words.value;
  return (
    <div class="empty">
      <span class="mark" aria-hidden="true" />
      <h2>{say.pickOne}</h2>
      <p>{say.pickOneHint}</p>
      <Copyable label={say.yourId} text={chat.me} />
    </div>
  );
}

function Conversation({ chat, room }: { chat: Chat; room: Room }) {
  return (
    <>
      <Header chat={chat} room={room} />
      <Log chat={chat} room={room} />
      <Footer chat={chat} room={room} />
    </>
  );
}

function Header({ chat, room }: { chat: Chat; room: Room }) {
  const say = words.value;
  const group_id = 'group_id' in room.to ? room.to.group_id : '';
  const peer_user_id = 'recv_id' in room.to ? room.to.recv_id : '';
  const { name, avatar, avatarId } = titleOf(chat, { conversation_type: group_id ? 2 : 1, group_id, peer_user_id });
  const group = group_id ? chat.names.group(group_id) : undefined;
  const listed = chat.byId.value.get(room.id);
  // One that the server does not know yet has no settings.
  const view = chat.client.conversation(room.id) && listed;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // The list is gone from the screen, and the focus with it.
    if (narrow.peek()) heading.current?.focus();
  }, []);
  return (
    <header class="bar">
      {narrow.value && <IconButton icon="back" label={say.back} onClick={toList} />}
      <Avatar id={avatarId} name={name} url={avatar} />
      <div class="title">
        <h1 ref={heading} tabIndex={-1}>
          {name === undefined ? <span class="skeleton text" /> : <bdi>{name}</bdi>}
        </h1>
        <p class="hint">{group ? say.memberCount(group.member_count) : peer_user_id}</p>
      </div>
      {view && <HeaderMenu chat={chat} view={view} />}
      {group && <IconButton icon="info" label={say.groupInfo} onClick={() => (dialog.value = { name: 'group', group_id })} />}
    </header>
  );
}

/** The composer, or why there is none. */
function Footer({ chat, room }: { chat: Chat; room: Room }) {
  const say = words.value;
  const { busy, error, run } = useAction();
  const group_id = 'group_id' in room.to ? room.to.group_id : undefined;
  if (group_id !== undefined && chat.names.group(group_id) === null) return <p class="composer note">{say.unknownGroup}</p>;
  if ('recv_id' in room.to && chat.names.user(room.to.recv_id) === null) return <p class="composer note">{say.unknownUser}</p>;
  if (group_id !== undefined && chat.names.group(group_id)?.status === 2) return <p class="composer note">{say.dismissed}</p>;
  if (group_id !== undefined && !room.member.value) {
    const join = async (): Promise<void> => {
      await chat.client.api.joinGroup(group_id);
      chat.groupLeft(group_id);
    };
    return (
      <div class="composer note">
        <p>{say.notMember}</p>
        <button type="button" class="small" disabled={busy} onClick={() => run(join)}>
          {say.joinAgain}
        </button>
        <Failure text={error} />
      </div>
    );
  }
  return <Composer room={room} />;
}
