/** What one may set of a conversation: whether it is pinned, and whether it is muted. A menu of its row, and of its header. */

import type { ConversationUpdate } from '@nexo-im/client';
import { signal } from '@preact/signals';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Listed } from '../lib/list.js';
import type { Chat } from '../state/chat.js';
import { words } from '../state/settings.js';
import { Icon } from './icons.js';
import { Failure, useAction } from './parts.js';

/** Whose row was asked for its menu, and where. */
export const rowMenu = signal<{ conversation_id: string; x: number; y: number } | undefined>(undefined);

/** It is kept so far from the edges of the page, in pixels. */
const MARGIN = 8;

/** It is another one each time that its menu opens. `done` closes that. */
function Settings({ chat, view, done }: { chat: Chat; view: Listed; done: () => void }) {
  const say = words.value;
  const { error, run } = useAction((why) => (chat.lateFailure.value = { why }));
  const { is_pinned, recv_msg_opt } = view;
  // A second click while the first one is on its way does nothing. A button that is disabled would lose the focus.
  const set = (settings: ConversationUpdate) => () => run(() => chat.client.configure(view.conversation_id, settings), done);
  return (
    <>
      <button type="button" onClick={set({ is_pinned: !is_pinned })}>
        <Icon name="pin" />
        {is_pinned ? say.unpin : say.pin}
      </button>
      <button type="button" onClick={set({ recv_msg_opt: recv_msg_opt === 0 ? 1 : 0 })}>
        <Icon name={recv_msg_opt === 0 ? 'muted' : 'bell'} />
        {recv_msg_opt === 0 ? say.mute : say.unmute}
      </button>
      <Failure text={error} />
    </>
  );
}

/** The button in the header, and what it opens. */
export function HeaderMenu({ chat, view }: { chat: Chat; view: Listed }) {
  const say = words.value;
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  const [closings, setClosings] = useState(0);
  const toggled = (): void => {
    if (!menu.current?.matches(':popover-open')) setClosings((before) => before + 1);
  };
  return (
    <>
      <button type="button" class="icon-button" aria-label={say.conversationSettings} title={say.conversationSettings} popovertarget={id}>
        <Icon name="more" />
      </button>
      <div class="menu short end" id={id} ref={menu} popover="auto" role="group" aria-label={say.conversationSettings} onToggle={toggled}>
        <Settings key={closings} chat={chat} view={view} done={() => menu.current?.hidePopover()} />
      </div>
    </>
  );
}

/** The menu of a row, where it was asked for. */
export function RowMenu({ chat }: { chat: Chat }) {
  const asked = rowMenu.value;
  const view = asked && chat.byId.value.get(asked.conversation_id);
  const menu = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const element = menu.current;
    if (!element || !asked) return;
    element.showPopover();
    // Under the pointer: a button of the mouse that goes up beside it would close it.
    element.style.left = `${Math.max(MARGIN, Math.min(asked.x - MARGIN, innerWidth - element.offsetWidth - MARGIN))}px`;
    element.style.top = `${Math.max(MARGIN, Math.min(asked.y - MARGIN, innerHeight - element.offsetHeight - MARGIN))}px`;
    element.querySelector('button')?.focus();
  }, [asked]);
  // What is removed while it is open tells nobody that it closes.
  useEffect(() => () => void (rowMenu.value = undefined), []);
  const toggled = (): void => {
    if (!menu.current?.matches(':popover-open')) rowMenu.value = undefined;
  };
  return (
    <div class="menu short" ref={menu} popover="auto" role="group" aria-label={words.value.conversationSettings} onToggle={toggled}>
      {view && <Settings key={view.conversation_id} chat={chat} view={view} done={() => menu.current?.hidePopover()} />}
    </div>
  );
}
