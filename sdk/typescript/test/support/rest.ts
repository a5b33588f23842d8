/** Users without a client: what they do by calls. The tests in the browser use it too. */

import { Api, Http, type Login, type PlatformId } from '../../src/index.js';

export const PASSWORD = 'correct horse';

/** Registers a user. */
export async function register(url: string, user_id: string, nickname = user_id): Promise<void> {
  await new Api(new Http({ url, token: () => undefined })).register({ user_id, nickname, password: PASSWORD });
}

/** How a user logs in. */
export function login(user_id: string, platform_id: PlatformId = 5): Login {
  return { user_id, password: PASSWORD, platform_id };
}

/** Logs in, and answers the calls of that login. A phone, unless the platform says otherwise. */
export async function rest(url: string, user_id: string, platform_id: PlatformId = 1): Promise<Api> {
  let token: string | undefined;
  const api = new Api(new Http({ url, token: () => token }));
  token = (await api.login(login(user_id, platform_id))).token;
  return api;
}

/** Sends texts to a user one after another. */
export async function tell(api: Api, recv_id: string, texts: string[]): Promise<void> {
  for (const text of texts) {
    await api.send({ client_msg_id: crypto.randomUUID(), recv_id, session_type: 1, msg_type: 1, content: { text } });
  }
}

/** Sends texts to a group one after another. */
export async function tellGroup(api: Api, group_id: string, texts: string[]): Promise<void> {
  for (const text of texts) {
    await api.send({ client_msg_id: crypto.randomUUID(), group_id, session_type: 2, msg_type: 1, content: { text } });
  }
}

/** The numbers from 1, as texts. */
export function numbers(count: number, prefix = ''): string[] {
  return Array.from({ length: count }, (_, at) => `${prefix}${at + 1}`);
}
