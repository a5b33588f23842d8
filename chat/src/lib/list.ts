/** The list of conversations, with what did not go out of here. Pure. */

import { type ConversationView, newerFirst, type Outgoing } from '@nexo-im/client';

/** A conversation in the list. */
export interface Listed extends ConversationView {
  /** The last message that failed, else the last one that is on its way. */
  unsent?: Outgoing | undefined;
}

/** The conversations with what is unsent in each; `begun` gives those of which the server does not know yet. */
export function listed(
  views: ConversationView[],
  outgoing: readonly Outgoing[],
  begun: (conversation_id: string) => ConversationView | undefined,
): Listed[] {
  if (outgoing.length === 0) return views;
  const unsent = new Map<string, Outgoing>();
  for (const one of outgoing) {
    if (one.state === 'failed' || unsent.get(one.conversation_id)?.state !== 'failed') unsent.set(one.conversation_id, one);
  }
  const known = new Set(views.map(({ conversation_id }) => conversation_id));
  const more = [...unsent.keys()].filter((id) => !known.has(id)).flatMap((id) => begun(id) ?? []);
  return [...views, ...more].map((view) => withUnsent(view, unsent.get(view.conversation_id))).sort(newerFirst);
}

function withUnsent(view: ConversationView, unsent: Outgoing | undefined): Listed {
  return unsent ? { ...view, unsent, updated_at: Math.max(view.updated_at, unsent.created_at_ms) } : view;
}
