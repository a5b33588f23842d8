/** A group: what it is, who is in it, and what one may do there. */

import type { GroupInfo as Info, Member } from '@nexo-im/client';
import { useEffect, useState } from 'preact/hooks';
import type { Chat } from '../state/chat.js';
import { words } from '../state/settings.js';
import { useMembers } from './members.js';
import { Avatar, Copyable, Dialog, Failure, Field, Form, IconButton, Sure, useAction } from './parts.js';

/** Something that is asked for before it is done. */
interface Question {
  title: string;
  text: string;
  act: () => Promise<unknown>;
}

/** The dialog of a group. */
export function GroupInfo({ chat, group_id, close }: { chat: Chat; group_id: string; close: () => void }) {
  const say = words.value;
  const info = chat.names.group(group_id);
  const { members, me, more, reload } = useMembers(chat, group_id);
  const [question, ask] = useState<Question>();
  const [editing, setEditing] = useState(false);
  useEffect(() => chat.names.refresh({ group_id }), []);
  if (!info) return <Dialog title={say.groupInfo} close={close}>{info === null && <p>{say.unknownGroup}</p>}</Dialog>;
  const live = info.status === 1;
  return (
    <Dialog title={say.groupInfo} close={close}>
      <div class="about">
        <Avatar id={group_id} name={info.name} url={info.avatar} large />
        <div>
          <h3>
            <bdi>{info.name}</bdi>
          </h3>
          <p class="hint">{live ? say.memberCount(info.member_count) : say.dismissed}</p>
        </div>
        {live && (me?.role_level ?? 1) > 1 && !editing && (
          <button type="button" class="small" onClick={() => setEditing(true)}>
            {say.edit}
          </button>
        )}
      </div>
      {editing ? <Edit chat={chat} info={info} close={() => setEditing(false)} /> : info.introduction && <p class="introduction">{info.introduction}</p>}
      <Copyable label={say.groupId} text={group_id} hint={say.inviteHint} />
      <ul class="members" aria-label={say.members}>
        {members.map((member) => (
          <MemberItem key={member.user_id} {...{ chat, member, ask, reload }} me={live ? me : undefined} />
        ))}
      </ul>
      {more && (
        <button type="button" class="small" onClick={more}>
          {say.showMore}
        </button>
      )}
      {live && me && <Leaving {...{ chat, group_id, me, ask, close }} />}
      {question && <Sure {...question} act={async () => void (await question.act())} close={() => ask(undefined)} />}
    </Dialog>
  );
}

function Leaving(props: {
  chat: Chat;
  group_id: string;
  me: Member;
  ask: (question: Question) => void;
  close: () => void;
}) {
  const { chat, group_id, me, ask, close } = props;
  const say = words.value;
  const { api } = chat.client;
  if (me.role_level === 3) {
    const act = async (): Promise<void> => {
      await api.dismissGroup(group_id);
      chat.names.refresh({ group_id });
      close();
    };
    return (
      <div class="buttons">
        <p class="hint">{say.leaveOwner}</p>
        <button type="button" class="danger" onClick={() => ask({ title: say.dismiss, text: say.dismissSure, act })}>
          {say.dismiss}
        </button>
      </div>
    );
  }
  const act = async (): Promise<void> => {
    await api.quitGroup(group_id);
    chat.groupLeft(group_id);
    close();
  };
  return (
    <div class="buttons">
      <button type="button" class="danger" onClick={() => ask({ title: say.leave, text: say.leaveSure, act })}>
        {say.leave}
      </button>
    </div>
  );
}

function Edit({ chat, info, close }: { chat: Chat; info: Info; close: () => void }) {
  const say = words.value;
  const [name, setName] = useState(info.name);
  const [introduction, setIntroduction] = useState(info.introduction);
  const [avatar, setAvatar] = useState(info.avatar);
  const save = async (): Promise<void> => {
    const change = { name: name.trim(), introduction: introduction.trim(), avatar: avatar.trim() };
    chat.names.toldGroup(await chat.client.api.updateGroup({ group_id: info.id, ...change }));
    close();
  };
  return (
    <Form label={say.save} submit={save}>
      <Field label={say.groupName} value={name} onInput={setName} maxLength={64} focus />
      <Field label={say.introduction} value={introduction} onInput={setIntroduction} required={false} hint={say.optional} />
      <Field label={say.avatarUrl} address value={avatar} onInput={setAvatar} required={false} hint={say.optional} />
    </Form>
  );
}

function MemberItem(props: {
  chat: Chat;
  member: Member;
  me: Member | undefined;
  ask: (question: Question) => void;
  reload: () => void;
}) {
  const { chat, member, me, ask, reload } = props;
  const { user_id, role_level } = member;
  const say = words.value;
  const [open, setOpen] = useState(false);
  const { busy, error, run } = useAction();
  const user = chat.names.user(user_id);
  const name = member.group_nickname || (user === null ? user_id : user?.nickname);
  const mayKick = me !== undefined && me.role_level > role_level;
  const isOwner = me?.role_level === 3;
  const actions = user_id !== chat.me && mayKick;
  const { api } = chat.client;
  const done = (call: Promise<unknown>): Promise<void> => call.then(reload);
  const { group_id } = member;
  return (
    <li data-user={user_id}>
      <div class="member">
        <Avatar id={user_id} name={name} url={user?.avatar} />
        <span class="who">
          <bdi>{name ?? user_id}</bdi>
          {user_id === chat.me && <span class="hint"> ({say.you})</span>}
          <span class="hint id">{user_id}</span>
        </span>
        <span class={`role role-${role_level}`}>{say.roles[role_level]}</span>
        {actions && <IconButton icon="more" label={say.actionsFor(name ?? user_id)} expanded={open} onClick={() => setOpen(!open)} />}
      </div>
      {actions && open && (
        <div class="buttons" role="group" aria-label={say.actionsFor(name ?? user_id)}>
          {isOwner && (
            <button type="button" class="small" disabled={busy} onClick={() => run(() => done(api.setRole(group_id, user_id, role_level === 2 ? 1 : 2)))}>
              {role_level === 2 ? say.makeMember : say.makeAdmin}
            </button>
          )}
          {isOwner && (
            <button
              type="button"
              class="small"
              onClick={() =>
                ask({ title: say.makeOwner, text: say.makeOwnerSure(name ?? user_id), act: () => done(api.transferGroup(group_id, user_id)) })
              }
            >
              {say.makeOwner}
            </button>
          )}
          <button
            type="button"
            class="small danger"
            onClick={() => ask({ title: say.kick, text: say.kickSure(name ?? user_id), act: () => done(api.kick(group_id, user_id)) })}
          >
            {say.kick}
          </button>
        </div>
      )}
      <Failure text={error} />
    </li>
  );
}
