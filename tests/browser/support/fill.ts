/** Much in a server: conversations and messages by the thousand. */

import type { Api } from '../../../sdk/typescript/src/index.js';
import { tellGroup } from '../../../sdk/typescript/test/support/rest.js';

const AT_ONCE = 48;

/** Does `work` for 0 up to `count`, many at once. */
async function each(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Texts as people write them: most are short, some are not. */
export function chatter(at: number): string {
  const words = ['lunch', 'and', 'the', 'report', 'is', 'ready', 'see', 'you', 'at', 'noon', '好的', 'thanks', 'tomorrow', 'maybe', 'the', 'train'];
  const length = [2, 4, 6, 3, 12, 5, 40, 8][at % 8] ?? 4;
  return Array.from({ length }, (_, place) => words[(at * 7 + place * 5) % words.length]).join(' ') + ` ${at}`;
}

/** Groups of `owner` with the members, each with one message. */
export async function groups(owner: Api, members: string[], count: number): Promise<void> {
  await each(count, async (at) => {
    const { id } = await owner.createGroup({ name: `Group ${at}`, member_ids: members });
    await tellGroup(owner, id, [chatter(at)]);
  });
}

/** Messages to a user. */
export async function messages(sender: Api, recv_id: string, count: number): Promise<void> {
  await each(count, async (at) => {
    await sender.send({ client_msg_id: `fill-${at}`, recv_id, session_type: 1, msg_type: 1, content: { text: chatter(at) } });
  });
}
