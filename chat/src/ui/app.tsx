/** The page: what is shown in which state. */

import { effect, signal, untracked } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { Chat } from '../state/chat.js';
import { opened } from '../state/route.js';
import { phase } from '../state/session.js';
import { narrow, words } from '../state/settings.js';
import { OpenDialog, dialog } from './dialogs.js';
import { Entry, OtherTab, Replaced } from './entry.js';
import { Pane } from './pane.js';
import { RowMenu } from './settings.js';
import { Sidebar } from './sidebar.js';
import { nameOf } from './texts.js';

export function App() {
  const now = phase.value;
  switch (now.at) {
    case 'starting':
      return null;
    case 'signed-out':
      return <Entry expired={now.expired} />;
    case 'replaced':
      return <Replaced user_id={now.user_id} />;
    case 'other-tab':
      return <OtherTab user_id={now.user_id} />;
    case 'in':
      return <Main key={now.chat.me} chat={now.chat} />;
  }
}

function Main({ chat }: { chat: Chat }) {
  useEffect(
    () =>
      effect(() => {
        const id = opened.value;
        untracked(() => chat.open(id));
      }),
    [chat],
  );
  useEffect(
    () =>
      effect(() => {
        document.title = chat.unread.value > 0 ? `(${chat.unread.value}) Nexo` : 'Nexo';
      }),
    [chat],
  );
  useEffect(() => () => void (dialog.value = undefined), []);
  const list = !narrow.value || opened.value === undefined;
  const pane = !narrow.value || opened.value !== undefined;
  return (
    <div class="page">
      {list && <Sidebar chat={chat} />}
      {pane && <Pane chat={chat} />}
      <Connection chat={chat} />
      <Notices chat={chat} />
      <OpenDialog chat={chat} />
      <RowMenu chat={chat} />
    </div>
  );
}

const reachable = signal(navigator.onLine);
addEventListener('online', () => (reachable.value = true));
addEventListener('offline', () => (reachable.value = false));

/** After so long without a connection it is worth a word. */
const PATIENCE_MS = 800;

/** How the connection is, if not well. */
function Connection({ chat }: { chat: Chat }) {
  const say = words.value;
  const state = chat.connection.value;
  const online = state === 'online' && reachable.value;
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (online) return;
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [online]);
  const text = online ? '' : !reachable.value || state === 'waiting' ? say.offline : say.connecting;
  const shown = !online && (late || !reachable.value) ? text : '';
  return (
    <p class="connection" role="status" aria-label={say.connection}>
      {shown}
    </p>
  );
}

/** So long a notice stays. */
const NOTICE_MS = 5_000;

/** Whether it is new: for so long it is shown. */
function useNew(what: object | undefined): boolean {
  const [shown, show] = useState(false);
  useEffect(() => {
    show(what !== undefined);
    const timer = setTimeout(() => show(false), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [what]);
  return shown;
}

/** What failed late, and what happens in the group that is open. */
function Notices({ chat }: { chat: Chat }) {
  const say = words.value;
  const failure = chat.lateFailure.value;
  const failed = useNew(failure);
  const change = chat.groupChange.value;
  const changed = useNew(change);
  const here = change && chat.room.value?.id === `sg_${change.group_id}` && change.operator_id !== chat.me;
  const who = change?.user_ids.map((id) => nameOf(chat, id)).join(', ') ?? '';
  const news = change && here && changed ? say.changes[change.change]?.(who, nameOf(chat, change.operator_id)) : '';
  return (
    <p class="notice" aria-live="polite">
      {failed ? failure?.why : news}
    </p>
  );
}
