/** Where the page is: the list, or a conversation. It is in the address, so that Back works. */

import { signal } from '@preact/signals';

const CONVERSATION = '#/c/';

function read(): string | undefined {
  if (!location.hash.startsWith(CONVERSATION)) return undefined;
  try {
    return decodeURIComponent(location.hash.slice(CONVERSATION.length)) || undefined;
  } catch {
    return undefined;
  }
}

/** The open conversation. */
export const opened = signal(read());

addEventListener('hashchange', () => {
  opened.value = read();
});

/** The address of a conversation. */
export function addressOf(conversation_id: string): string {
  return CONVERSATION + encodeURIComponent(conversation_id);
}

/** Whether the list is one step back. */
let listIsBehind = false;

/** Goes to a conversation. */
export function go(conversation_id: string): void {
  if (opened.peek() === conversation_id) return;
  listIsBehind = opened.peek() === undefined;
  location.hash = addressOf(conversation_id);
  opened.value = conversation_id;
}

/** To the list: back where that is, else in the place of the conversation. */
export function toList(): void {
  if (listIsBehind && opened.peek() !== undefined) {
    listIsBehind = false;
    return history.back();
  }
  history.replaceState(null, '', '#/');
  opened.value = undefined;
}
