/** The small dialogs: starting chats, groups, images, one's own profile. */

import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import { idsIn } from '../lib/people.js';
import { webAddress } from '../lib/links.js';
import { type Chat, conversationWith } from '../state/chat.js';
import { go, toList } from '../state/route.js';
import { signOut } from '../state/session.js';
import { words } from '../state/settings.js';
import { GroupInfo } from './group.js';
import { Copyable, Dialog, Field, Form, Sure } from './parts.js';

/** Which one is open. */
export type Opened =
  | { name: 'new-chat' | 'new-group' | 'join-group' | 'profile' | 'sign-out' | 'send-image' }
  | { name: 'group'; group_id: string };

export const dialog = signal<Opened | undefined>(undefined);

export function closeDialog(): void {
  dialog.value = undefined;
}

/** The one that is open, if one is. */
export function OpenDialog({ chat }: { chat: Chat }) {
  const opened = dialog.value;
  switch (opened?.name) {
    case 'new-chat':
      return <NewChat chat={chat} />;
    case 'new-group':
      return <NewGroup chat={chat} />;
    case 'join-group':
      return <JoinGroup chat={chat} />;
    case 'send-image':
      return <SendImage chat={chat} />;
    case 'profile':
      return <Profile chat={chat} />;
    case 'sign-out':
      return <SignOut chat={chat} />;
    case 'group':
      return <GroupInfo chat={chat} group_id={opened.group_id} close={closeDialog} />;
    case undefined:
      return null;
  }
}

function openConversation(id: string): void {
  closeDialog();
  go(id);
}

function NewChat({ chat }: { chat: Chat }) {
  const say = words.value;
  const [user_id, setUserId] = useState('');
  const start = async (): Promise<void> => {
    const user = await chat.client.api.user(user_id.trim());
    chat.names.told(user);
    openConversation(conversationWith(chat.me, { recv_id: user.user_id }));
  };
  return (
    <Dialog title={say.newChat} close={closeDialog}>
      <Form label={say.startChat} submit={start}>
        <Field label={say.userId} hint={say.startChatHint} value={user_id} onInput={setUserId} maxLength={64} focus />
      </Form>
      <Copyable label={say.yourId} text={chat.me} />
    </Dialog>
  );
}

function NewGroup({ chat }: { chat: Chat }) {
  const say = words.value;
  const [name, setName] = useState('');
  const [members, setMembers] = useState('');
  const create = async (): Promise<void> => {
    const group = await chat.client.api.createGroup({ name: name.trim(), member_ids: idsIn(members) });
    openConversation(conversationWith(chat.me, { group_id: group.id }));
  };
  return (
    <Dialog title={say.newGroup} close={closeDialog}>
      <Form label={say.createGroup} submit={create}>
        <Field label={say.groupName} value={name} onInput={setName} maxLength={64} focus />
        <Field label={say.members} hint={`${say.membersHint} (${say.optional})`} value={members} onInput={setMembers} required={false} maxLength={65_000} />
      </Form>
    </Dialog>
  );
}

function JoinGroup({ chat }: { chat: Chat }) {
  const say = words.value;
  const [typed, setTyped] = useState('');
  const join = async (): Promise<void> => {
    const group_id = typed.trim();
    await chat.client.api.joinGroup(group_id);
    openConversation(conversationWith(chat.me, { group_id }));
  };
  return (
    <Dialog title={say.joinGroup} close={closeDialog}>
      <Form label={say.join} submit={join}>
        <Field label={say.groupId} hint={say.groupIdHint} value={typed} onInput={setTyped} maxLength={64} focus />
      </Form>
    </Dialog>
  );
}

/** How large an image is, so that its place is there before it is. */
function measure(address: string): Promise<{ image_width?: number; image_height?: number }> {
  return new Promise((resolve) => {
    const image = new Image();
    image.referrerPolicy = 'no-referrer';
    const done = (): void => {
      const known = image.naturalWidth > 0;
      resolve(known ? { image_width: image.naturalWidth, image_height: image.naturalHeight } : {});
    };
    image.onload = done;
    // It may be one that others can see.
    image.onerror = done;
    setTimeout(done, 3_000);
    image.src = address;
  });
}

function SendImage({ chat }: { chat: Chat }) {
  const say = words.value;
  const [typed, setTyped] = useState('');
  const send = async (): Promise<void> => {
    const image_url = webAddress(typed);
    if (image_url === undefined) throw new Error(say.imageUrlHint);
    const room = chat.room.peek();
    const size = await measure(image_url);
    room?.send({ image_url, ...size }, 2);
    closeDialog();
  };
  return (
    <Dialog title={say.sendImage} close={closeDialog}>
      <Form label={say.sendImage} submit={send}>
        <Field label={say.imageUrl} address hint={say.imageUrlHint} value={typed} onInput={setTyped} maxLength={2_048} focus />
      </Form>
    </Dialog>
  );
}

function Profile({ chat }: { chat: Chat }) {
  const say = words.value;
  const user = chat.names.user(chat.me);
  const [nickname, setNickname] = useState(user?.nickname ?? '');
  const [avatar, setAvatar] = useState(user?.avatar ?? '');
  const save = async (): Promise<void> => {
    chat.names.told(await chat.client.api.updateUser({ nickname: nickname.trim(), avatar: avatar.trim() }));
    closeDialog();
  };
  useEffect(() => {
    if (user) setNickname(user.nickname), setAvatar(user.avatar);
  }, [user]);
  return (
    <Dialog title={say.profile} close={closeDialog}>
      <Copyable label={say.yourId} text={chat.me} />
      <Form label={say.save} submit={save}>
        <Field label={say.nickname} value={nickname} onInput={setNickname} maxLength={64} focus />
        <Field label={say.avatarUrl} address value={avatar} onInput={setAvatar} required={false} hint={`${say.imageUrlHint} (${say.optional})`} />
      </Form>
    </Dialog>
  );
}

function SignOut({ chat }: { chat: Chat }) {
  const say = words.value;
  const unsent = chat.client.outgoing().length;
  const leave = async (): Promise<void> => {
    closeDialog();
    toList();
    await signOut(chat);
  };
  useEffect(() => {
    if (unsent === 0) void leave();
  }, []);
  if (unsent === 0) return null;
  return <Sure title={say.signOut} text={say.signOutUnsent(unsent)} act={leave} close={closeDialog} />;
}
