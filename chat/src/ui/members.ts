/** The members of a group, a page at a time, and kept current while they are shown. */

import type { Member } from '@nexo-im/client';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Chat } from '../state/chat.js';

/** Members of a page. */
const PAGE = 100;

/** One's own role is looked for among so many; the API has no call for it. */
const LOOKED_AT = 5_000;

/** What is known of the members. */
export interface Members {
  members: Member[];
  /** Oneself, once found. */
  me: Member | undefined;
  /** Shows the next page, if there is one. */
  more: (() => void) | undefined;
  reload: () => void;
}

/** The members of a group. */
export function useMembers(chat: Chat, group_id: string): Members {
  const [members, setMembers] = useState<Member[]>([]);
  const [me, setMe] = useState<Member>();
  const [shown, setShown] = useState(PAGE);
  const round = useRef(0);
  const change = chat.groupChange.value;

  const load = async (): Promise<void> => {
    const mine = (round.current += 1);
    const found: Member[] = [];
    let cursor: string | undefined;
    try {
      do {
        const page = await chat.client.api.members(group_id, { limit: 1_000, ...(cursor ? { cursor } : {}) });
        found.push(...page.items);
        cursor = page.next;
      } while (cursor && (found.length < shown || (found.length < LOOKED_AT && !found.some(isMe))));
      if (mine !== round.current) return;
      setMembers(found.sort((a, b) => b.role_level - a.role_level || a.id - b.id));
      setMe(found.find(isMe));
    } catch {
      // Not a member any more, or no answer: nothing to do here then.
      if (mine === round.current) setMe(undefined);
    }
  };
  const isMe = ({ user_id }: Member): boolean => user_id === chat.me;

  useEffect(() => void load(), [group_id, shown]);
  useEffect(() => {
    if (change?.group_id === group_id) void load();
  }, [change]);
  const more = members.length > shown ? (): void => setShown(shown + PAGE) : undefined;
  return { members: members.slice(0, shown), me, more, reload: () => void load() };
}
