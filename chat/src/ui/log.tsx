/** The messages of a conversation: only those that can be seen are drawn, and only a stretch of them is kept. */

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Virtualizer, type VirtualizerHandle } from 'virtua';
import type { Row } from '../lib/rows.js';
import type { Chat } from '../state/chat.js';
import type { Room } from '../state/room.js';
import { words } from '../state/settings.js';
import { MessageRow } from './message.js';
import { IconButton, UnreadBadge } from './parts.js';
import { gist, nameOf } from './texts.js';

/** So near to an end, in pixels, more is asked for there. */
const NEAR = 1_200;

/** So near to the end somebody counts as being there. */
const AT_END = 48;

/** Sizes are rounded: less is no movement. */
const STILL = 2;

/** Keys that scroll up. */
const UP = ['ArrowUp', 'PageUp', 'Home'];

export function Log({ chat, room }: { chat: Chat; room: Room }) {
  const say = words.value;
  const rows = room.rows.value;
  const { ready, failed, atStart, atEnd } = room.history.stretch.value;
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  /** Whether the end is to stay in sight. */
  const stick = useRef(true);
  /** How much was below the screen when it last moved. */
  const below = useRef(0);
  /** Whether the end is where to go once it is there. */
  const wanted = useRef(false);
  const ends = useRef<{ first: string | undefined; last: string | undefined }>({ first: undefined, last: undefined });
  const [place, setPlace] = useState<'end' | 'above' | 'away'>('end');
  const unread = chat.byId.value.get(room.id)?.unread_count ?? 0;
  const first = rows[0]?.key;
  const last = rows.at(-1)?.key;
  // What came or went above the screen: the place on it is kept from below.
  const shift = first !== ends.current.first && last === ends.current.last;

  /** How much is below the screen. */
  const left = (): number => {
    const log = scroller.current;
    return log ? log.scrollHeight - log.clientHeight - log.scrollTop : 0;
  };

  // Rows that are measured there come back to it by `settled`. The list's own way to a row holds that place for a while, also
  // against somebody who scrolls.
  const toEnd = (): void => {
    if (scroller.current) scroller.current.scrollTop = scroller.current.scrollHeight;
  };

  const goToEnd = (): void => {
    stick.current = true;
    wanted.current = !atEnd;
    if (atEnd && rows.length > 0) toEnd();
  };

  const look = (): void => {
    const view = list.current;
    if (!view || rows.length === 0) return;
    const rest = left();
    const { atEnd: whole } = room.history.stretch.peek();
    setPlace(rest > view.viewportSize / 2 || !whole ? 'away' : rest < AT_END ? 'end' : 'above');
    if (view.scrollOffset < NEAR) void room.history.older();
    if (rest < NEAR && !whole) void room.history.newer();
    if (rest >= AT_END || !whole) return;
    seen(room);
    room.history.trim();
  };

  const scrolled = (): void => {
    const rest = left();
    const moved = rest - below.current;
    if (moved >= STILL) stick.current = false;
    // At the end of what is in memory only, more would be run after without an end.
    else if (moved <= -STILL && rest < AT_END) stick.current = room.history.stretch.peek().atEnd;
    // Slow movements add up.
    if (Math.abs(moved) >= STILL) below.current = rest;
    look();
  };

  // Who begins to go up is not at the end any more, before anything moved: rows that are measured on the way would pull down again.
  const leaves = (): void => {
    if (scroller.current && scroller.current.scrollTop > 0) stick.current = false;
  };

  /** Rows or sizes are others: nobody scrolled. */
  const settled = (): void => {
    if (stick.current) toEnd();
    below.current = left();
    // Before sizes are known nobody counts as being at the end, and where all fits in no scrolling tells of it later.
    look();
  };

  useLayoutEffect(() => {
    ends.current = { first, last };
    if (rows.length === 0 || !(stick.current || wanted.current)) return;
    if (atEnd) wanted.current = false;
    stick.current = true;
    toEnd();
  }, [rows]);
  useEffect(settled, [rows]);
  useLayoutEffect(() => {
    if (room.sent.value > 0) goToEnd();
  }, [room.sent.value]);
  useEffect(() => {
    const visible = (): void => look();
    document.addEventListener('visibilitychange', visible);
    addEventListener('focus', visible);
    return () => {
      document.removeEventListener('visibilitychange', visible);
      removeEventListener('focus', visible);
    };
  });

  const jump = (): void => {
    goToEnd();
    if (!atEnd) room.latest();
  };

  return (
    <div class="log-frame">
      <div
        class="log"
        ref={scroller}
        role="log"
        aria-label={say.messages}
        aria-live="off"
        tabIndex={0}
        onWheel={({ deltaY, ctrlKey }) => deltaY < 0 && !ctrlKey && leaves()}
        onKeyDown={({ key, shiftKey }) => (UP.includes(key) || (key === ' ' && shiftKey)) && leaves()}
      >
        <div class="filler" />
        {!ready && !failed && <Skeletons />}
        {failed && <LoadFailed room={room} />}
        {ready && rows.length === 0 && <NoMessages />}
        {ready && rows.length > 0 && atStart && <span class="hidden">{say.beginning}</span>}
        {rows.length > 0 && (
          <Virtualizer ref={list} data={rows} shift={shift} scrollRef={scroller} onScroll={scrolled} onResize={settled}>
            {(row) => <MessageRow key={row.key} chat={chat} room={room} row={row} />}
          </Virtualizer>
        )}
      </div>
      {rows.length > 0 && (place === 'away' || (place === 'above' && unread > 0)) && <Jump unread={unread} jump={jump} />}
      <Announcer chat={chat} rows={rows} />
    </div>
  );
}

/** Who looks at the end has read all. */
function seen(room: Room): void {
  if (document.visibilityState === 'visible' && document.hasFocus()) room.read();
}

/** The button to the end, and how much nobody has read there. */
function Jump({ unread, jump }: { unread: number; jump: () => void }) {
  return (
    <div class="jump">
      <IconButton icon="down" label={words.value.jumpToLatest} onClick={jump} />
      {unread > 0 && <UnreadBadge unread={unread} />}
    </div>
  );
}

/** Says new messages of others to those who cannot see them: the log itself also changes when it is scrolled. */
function Announcer({ chat, rows }: { chat: Chat; rows: readonly Row[] }) {
  const [said, say] = useState('');
  const known = useRef<number | undefined>(undefined);
  useEffect(() => {
    const last = rows.findLast(({ seq }) => seq !== undefined);
    const before = known.current;
    known.current = last?.seq;
    if (!last || last.mine || before === undefined || (last.seq ?? 0) <= before) return;
    say(`${nameOf(chat, last.sender_id)}: ${gist(last)}`);
  }, [rows]);
  return (
    <p class="hidden" aria-live="polite">
      {said}
    </p>
  );
}

function Skeletons() {
  return (
    <div class="skeletons" aria-hidden="true">
      {['a', 'b mine', 'c', 'd mine', 'e', 'f'].map((kind) => (
        <span key={kind} class={`skeleton bubble-${kind}`} />
      ))}
    </div>
  );
}

function LoadFailed({ room }: { room: Room }) {
  const say = words.value;
  return (
    <p class="separator">
      {say.loadFailed}{' '}
      <button type="button" class="small" onClick={() => room.again()}>
        {say.retry}
      </button>
    </p>
  );
}

function NoMessages() {
  const say = words.value;
  return (
    <div class="empty">
      <h2>{say.noMessages}</h2>
      <p>{say.noMessagesHint}</p>
    </div>
  );
}
