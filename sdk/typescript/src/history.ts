/** Messages of before and after: the API gives pages forwards only. */

import type { Api } from './api.js';
import type { Message, Page, Pull } from './types.js';

/** The most messages of a page. */
const PAGE = 100;

/**
 * The last `limit` messages up to `last_seq`, in order; fewer only at the beginning. Where seqs are hidden, as the time between two
 * memberships of a group is, the stretch that is looked at doubles.
 */
export async function before(api: Pick<Api, 'pull'>, conversation_id: string, last_seq: number, limit: number): Promise<Message[]> {
  const found: Message[] = [];
  let end = last_seq;
  let stretch = Math.max(1, Math.min(limit, PAGE));
  while (end > 0 && found.length < limit) {
    const begin = Math.max(1, end - stretch + 1);
    const messages = await between(api, conversation_id, begin, end);
    found.unshift(...messages);
    if (messages.length < stretch / 2) stretch *= 2;
    end = begin - 1;
  }
  return found.slice(-limit);
}

/** The first `limit` messages after a seq, in order; fewer only at the end. */
export async function after(api: Pick<Api, 'pull'>, conversation_id: string, seq: number, limit: number): Promise<Message[]> {
  const found: Message[] = [];
  let from = seq + 1;
  while (found.length < limit) {
    const wanted = Math.min(PAGE, limit - found.length);
    const { messages } = await page(api, { conversation_id, begin_seq: from, limit: wanted });
    found.push(...messages);
    const last = messages.at(-1);
    if (!last || messages.length < wanted) break;
    from = last.seq + 1;
  }
  return found;
}

async function between(api: Pick<Api, 'pull'>, conversation_id: string, begin: number, end: number): Promise<Message[]> {
  const found: Message[] = [];
  let from = begin;
  while (from <= end) {
    const { messages } = await page(api, { conversation_id, begin_seq: from, end_seq: end, limit: PAGE });
    found.push(...messages);
    const last = messages.at(-1);
    if (!last || messages.length < PAGE) break;
    from = last.seq + 1;
  }
  return found;
}

/** A page with its messages as they are pushed, so that one looks the same however it came. */
export async function page(api: Pick<Api, 'pull'>, pull: Pull): Promise<Page<Message>> {
  const { messages, max_seq } = await api.pull(pull);
  return { max_seq, messages: messages.map(({ content_text: _, ...message }) => message) };
}
