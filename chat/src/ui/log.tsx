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

/** Sizes are rounded. */
const STILL = 2;

export function Log({ chat, room }: { chat: Chat; room: Room }) {
  const say = words.value;
  const rows = room.rows.value;
  const { ready, failed, atStart, atEnd } = room.history.stretch.value;
  const scroller = useRef<HTMLDivElement>(null);
  const list = useRef<VirtualizerHandle>(null);
  /** Whether the end is to stay in sight. */
  const stick = useRef(true);
  /** Where it was scrolled to. */
  const before = useRef(0);
  /** Whether the end is where to go once it is there. */
  const wanted = useRef(false);
  const ends = useRef<{ first: string | undefined; last: string | undefined }>({ first: undefined, last: undefined });
  const [place, setPlace] = useState<'end' | 'above' | 'away'>('end');
  const unread = chat.byId.value.get(room.id)?.unread_count ?? 0;
  const first = rows[0]?.key;
  const last = rows.at(-1)?.key;
  // What came or went above the screen: the place on it is kept from below.
  const shift = first !== ends.current.first && last === ends.current.last;

  const toEnd = (): void => list.current?.scrollToIndex(rows.length - 1, { align: 'end' });

  const goToEnd = (): void => {
    stick.current = true;
    wanted.current = !atEnd;
    if (atEnd && rows.length > 0) toEnd();
  };

  const look = (): void => {
    const view = list.current;
    if (!view || rows.length === 0) return;
    const left = view.scrollSize - view.viewportSize - view.scrollOffset;
    const { atEnd: whole } = room.history.stretch.peek();
    setPlace(left > view.viewportSize / 2 || !whole ? 'away' : left < AT_END ? 'end' : 'above');
    if (view.scrollOffset < NEAR) void room.history.older();
    if (left < NEAR && !whole) void room.history.newer();
    if (left >= AT_END || !whole) return;
    seen(room);
    room.history.trim();
  };

  const scrolled = (): void => {
    const view = list.current;
    const { atEnd: whole } = room.history.stretch.peek();
    if (view) {
      // Who begins to go up is not at the end any more: rows that are measured on the way would pull down again.
      const near = view.scrollOffset < before.current ? STILL : AT_END;
      before.current = view.scrollOffset;
      // At the end of what is in memory only, more would be run after without an end.
      stick.current = whole && view.scrollSize - view.viewportSize - view.scrollOffset < near;
    }
    look();
  };

  useLayoutEffect(() => {
    ends.current = { first, last };
    if (rows.length === 0 || !(stick.current || wanted.current)) return;
    if (atEnd) wanted.current = false;
    stick.current = true;
    toEnd();
  }, [rows]);
  useEffect(look, [rows]);
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

  const resized = (): void => {
    if (stick.current) toEnd();
    // Before sizes are known nobody counts as being at the end, and where all fits in no scrolling tells of it later.
    look();
  };

  const jump = (): void => {
    goToEnd();
    if (!atEnd) room.latest();
  };

  return (
    <div class="log-frame">
      <div class="log" ref={scroller} role="log" aria-label={say.messages} aria-live="off" tabIndex={0}>
        <div class="filler" />
        {!ready && !failed && <Skeletons />}
        {failed && <LoadFailed room={room} />}
        {ready && rows.length === 0 && <NoMessages />}
        {ready && rows.length > 0 && atStart && <span class="hidden">{say.beginning}</span>}
        {rows.length > 0 && (
          <Virtualizer ref={list} data={rows} shift={shift} scrollRef={scroller} onScroll={scrolled} onResize={resized}>
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
