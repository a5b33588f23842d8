/** The left side: who one is, what can be started, and the conversations. */

import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Virtualizer, type VirtualizerHandle } from 'virtua';
import type { Listed } from '../lib/list.js';
import { shortTime } from '../lib/time.js';
import type { Chat } from '../state/chat.js';
import { addressOf, go, opened } from '../state/route.js';
import { locale, now, words } from '../state/settings.js';
import { dialog } from './dialogs.js';
import { Icon, type IconName } from './icons.js';
import { Menu } from './menu.js';
import { Avatar, Copyable, IconButton, UnreadBadge } from './parts.js';
import { rowMenu } from './settings.js';
import { previewOf, titleOf } from './texts.js';

/** The height of a row, as the style sheet has it. */
const ROW = 68;

export function Sidebar({ chat }: { chat: Chat }) {
  const say = words.value;
  const me = chat.names.user(chat.me);
  return (
    <aside class="sidebar">
      <header class="bar">
        <Menu />
        <span class="self">
          <Avatar id={chat.me} name={me === null ? chat.me : me?.nickname} url={me?.avatar} />
          <bdi>{me === undefined ? '' : (me?.nickname ?? chat.me)}</bdi>
        </span>
        <IconButton icon="chat" label={say.newChat} onClick={() => (dialog.value = { name: 'new-chat' })} />
        <IconButton icon="group" label={say.newGroup} onClick={() => (dialog.value = { name: 'new-group' })} />
        <IconButton icon="join" label={say.joinGroup} onClick={() => (dialog.value = { name: 'join-group' })} />
      </header>
      {chat.list.value.length > 0 ? <List chat={chat} /> : <NoConversations chat={chat} />}
    </aside>
  );
}

function NoConversations({ chat }: { chat: Chat }) {
  const say = words.value;
  return (
    <div class="empty">
      <h2>{say.noConversations}</h2>
      <p>{say.noConversationsHint}</p>
      <Copyable label={say.yourId} text={chat.me} />
    </div>
  );
}

function List({ chat }: { chat: Chat }) {
  const views = chat.list.value;
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  const focusNext = useRef(false);
  const [picked, pick] = useState<string>();
  const tabStop = Math.max(0, views.findIndex(({ conversation_id }) => conversation_id === (picked ?? opened.value)));

  // A row that moves loses the focus.
  const focused = scroller.current?.contains(document.activeElement);

  useLayoutEffect(() => {
    if (!focusNext.current && !(focused && document.activeElement === document.body)) return;
    focusNext.current = false;
    scroller.current?.querySelector<HTMLElement>('a[tabindex="0"]')?.focus({ preventScroll: true });
  });

  const move = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = { ArrowDown: tabStop + 1, ArrowUp: tabStop - 1, Home: 0, End: views.length - 1 };
    const to = steps[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const at = Math.min(Math.max(to, 0), views.length - 1);
    focusNext.current = true;
    pick(views[at]?.conversation_id);
    list.current?.scrollToIndex(at, { align: 'nearest' });
  };

  return (
    <nav class="scroller" ref={scroller} aria-label={words.value.conversations} onKeyDown={move}>
      <Virtualizer
        ref={list}
        data={views}
        as={ListBox}
        item="li"
        itemSize={ROW}
        keepMounted={[tabStop]}
        scrollRef={scroller}
        onScroll={() => chat.moving(true)}
        onScrollEnd={() => chat.moving(false)}
      >
        {(view, at) => (
          <ListRow key={view.conversation_id} chat={chat} view={view} tabStop={at === tabStop} picked={() => pick(view.conversation_id)} />
        )}
      </Virtualizer>
    </nav>
  );
}

/** The list itself, with a name of its own. */
function ListBox(props: { style: object; children: unknown }) {
  const { style, children } = props as { style: Record<string, string>; children: preact.ComponentChildren };
  return (
    <ul role="list" aria-label={words.value.conversations} style={style} ref={(props as { ref?: preact.Ref<HTMLUListElement> }).ref ?? null}>
      {children}
    </ul>
  );
}

function ListRow({ chat, view, tabStop, picked }: { chat: Chat; view: Listed; tabStop: boolean; picked: () => void }) {
  const say = words.value;
  const { conversation_id: id, unread_count, recv_msg_opt } = view;
  const { name, avatar, avatarId } = titleOf(chat, view);
  const preview = previewOf(chat, view);
  const open = opened.value === id;
  return (
    <a
      class={rowMenu.value?.conversation_id === id ? 'row asked' : 'row'}
      href={addressOf(id)}
      data-conversation={id}
      aria-current={open ? 'page' : undefined}
      tabIndex={tabStop ? 0 : -1}
      draggable={false}
      onFocus={picked}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        go(id);
      }}
      onContextMenu={(event) => {
        // Of one that the server does not know yet nothing can be set.
        if (!chat.client.conversation(id)) return;
        event.preventDefault();
        rowMenu.value = { conversation_id: id, x: event.clientX, y: event.clientY };
      }}
    >
      <Avatar id={avatarId} name={name} url={avatar} />
      <span class="lines">
        <span class="line">
          {name === undefined ? <span class="skeleton text" /> : <bdi class="name">{name}</bdi>}
          {view.is_pinned && <Mark icon="pin" label={say.pinned} />}
          {recv_msg_opt !== 0 && <Mark icon="muted" label={say.muted} />}
          {view.updated_at > 0 && <time class="hint">{shortTime(view.updated_at, now.value, locale.value, say)}</time>}
        </span>
        <span class="line">
          {preview === undefined ? <span class="skeleton text long" /> : <span class="preview">{preview}</span>}
          {view.unsent && <Mark icon={view.unsent.state === 'failed' ? 'alert' : 'clock'} label={say[view.unsent.state]} kind={view.unsent.state} />}
          {unread_count > 0 && <UnreadBadge unread={unread_count} quiet={recv_msg_opt !== 0} />}
        </span>
      </span>
    </a>
  );
}

/** A small picture that says something by itself. */
function Mark({ icon, label, kind = '' }: { icon: IconName; label: string; kind?: string }) {
  return (
    <span class={`sign ${kind}`} role="img" aria-label={label} title={label}>
      <Icon name={icon} />
    </span>
  );
}
