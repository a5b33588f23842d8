/** Who is signed in, and what keeps somebody from it: the states of the page. */

import { IndexedDbStore, NexoClient, type SignedOut } from '@nexo-im/client';
import { signal } from '@preact/signals';
import { Chat } from './chat.js';
import { toList } from './route.js';
import { Hold, account, forget, placeOf, remember } from './tabs.js';

/** 5, the web. */
const PLATFORM = 5;

/** What the page shows. */
export type Phase =
  | { at: 'starting' }
  | { at: 'signed-out'; expired?: string }
  /** A login elsewhere took the place of this one. */
  | { at: 'replaced'; user_id: string }
  /** Another tab works on the account. */
  | { at: 'other-tab'; user_id: string }
  | { at: 'in'; chat: Chat };

/** What somebody signs in with. */
export interface Credentials {
  user_id: string;
  password: string;
}

export const phase = signal<Phase>({ at: 'starting' });

let hold: Hold | undefined;

/** The API is beside the page. */
const url = new URL('.', location.href).href;

function newClient(user_id: string): NexoClient {
  return new NexoClient({ url, store: new IndexedDbStore(placeOf(user_id)) });
}

/** Takes up the account of this tab, if there is one. */
export async function start(): Promise<void> {
  const user_id = account();
  if (user_id === undefined) phase.value = { at: 'signed-out' };
  else await resume(user_id, await Hold.take(user_id, () => moved(user_id)));
}

/** Takes the account from the other tab. */
export async function useHere(user_id: string): Promise<void> {
  await resume(user_id, await Hold.insist(user_id, () => moved(user_id)));
}

/** Signs in with another account than the one that this tab would have. */
export function useAnother(): void {
  phase.value = { at: 'signed-out' };
}

/** Creates a user, and signs it in. */
export async function create(credentials: Credentials, nickname: string): Promise<void> {
  // It keeps nothing: the user is not there yet.
  const client = new NexoClient({ url });
  await client.api.register({ ...credentials, nickname });
  await signIn(credentials);
}

/** Signs in. A login of the same user elsewhere in the web ends. */
export async function signIn({ user_id, password }: Credentials): Promise<void> {
  const taken = await Hold.insist(user_id, () => moved(user_id));
  const client = newClient(user_id);
  try {
    await client.login({ user_id, password, platform_id: PLATFORM });
  } catch (error) {
    await client.close();
    taken?.release();
    throw error;
  }
  hold = taken;
  // The address may be that of another account's conversation.
  if (account() !== user_id) toList();
  enter(client, user_id);
}

/** Signs out, and forgets what was kept of the account. */
export async function signOut(chat: Chat): Promise<void> {
  try {
    await chat.client.logout();
  } catch {
    // The token stays good until its time, but nobody has it any more.
  }
  await chat.close();
  forget(chat.me);
  indexedDB.deleteDatabase(placeOf(chat.me));
  // Drafts too.
  sessionStorage.clear();
  letGo();
  phase.value = { at: 'signed-out' };
}

async function resume(user_id: string, taken: Hold | undefined): Promise<void> {
  if (!taken) {
    phase.value = { at: 'other-tab', user_id };
    return;
  }
  const client = newClient(user_id);
  hold = taken;
  if (await client.resume()) return enter(client, user_id);
  await client.close();
  letGo();
  phase.value = { at: 'signed-out' };
}

function enter(client: NexoClient, user_id: string): void {
  remember(user_id);
  const chat = new Chat(client, user_id);
  client.on('signed_out', ({ reason }) => void ended(chat, reason));
  client.on('error', (error) => console.info('dealt with:', error));
  phase.value = { at: 'in', chat };
  client.connect();
}

/** The login ended, but not by this page. */
async function ended(chat: Chat, reason: SignedOut): Promise<void> {
  if (reason === 'logout') return;
  await chat.close();
  letGo();
  phase.value = reason === 'replaced' ? { at: 'replaced', user_id: chat.me } : { at: 'signed-out', expired: chat.me };
}

/** Another tab wants the account: what is to be kept is written first. */
async function moved(user_id: string): Promise<void> {
  const now = phase.value;
  phase.value = { at: 'other-tab', user_id };
  hold = undefined;
  if (now.at === 'in') await now.chat.close();
}

function letGo(): void {
  hold?.release();
  hold = undefined;
}
