/** Every REST call, typed. A call is one request: it throws a NexoError if the server said no, and NoAnswer if nobody answered. */

import { type Answer, Http } from './http.js';
import type { Fields, Path, Routes } from './routes.js';
import type * as T from './types.js';

/** The calls of docs/api.md. */
export class Api {
  readonly #http: Http;

  constructor(http: Http) {
    this.#http = http;
  }

  register = (user: T.Register): Promise<T.User> => this.#data('POST', '/auth/register', { body: user }, null);
  login = (login: T.Login): Promise<T.LoggedIn> => this.#data('POST', '/auth/login', { body: login }, null);
  refresh = (token?: string): Promise<T.Refreshed> => this.#data('POST', '/auth/refresh', {}, token);
  logout = (): Promise<null> => this.#data('POST', '/auth/logout', {});

  me = (token?: string): Promise<T.User> => this.#data('GET', '/user/info', {}, token);
  user = (user_id: string): Promise<T.User> => this.#data('GET', '/user/profile/{user_id}', { path: { user_id } });
  updateUser = (update: T.UserUpdate): Promise<T.User> => this.#data('PUT', '/user/update', { body: update });

  createGroup = (group: T.GroupCreate): Promise<T.CreatedGroup> => this.#data('POST', '/group/create', { body: group });
  joinGroup = (group_id: string, inviter_id?: string): Promise<null> =>
    this.#data('POST', '/group/join', { body: { group_id, inviter_id } });
  quitGroup = (group_id: string): Promise<null> => this.#data('POST', '/group/quit', { body: { group_id } });
  transferGroup = (group_id: string, user_id: string): Promise<null> =>
    this.#data('POST', '/group/transfer', { body: { group_id, user_id } });
  dismissGroup = (group_id: string): Promise<null> => this.#data('POST', '/group/dismiss', { body: { group_id } });
  kick = (group_id: string, user_id: string): Promise<null> => this.#data('POST', '/group/kick', { body: { group_id, user_id } });
  setRole = (group_id: string, user_id: string, role_level: 1 | 2): Promise<null> =>
    this.#data('POST', '/group/set_role', { body: { group_id, user_id, role_level } });
  updateGroup = (update: T.GroupUpdate): Promise<T.GroupInfo> => this.#data('PUT', '/group/update', { body: update });
  setGroupNickname = (group_id: string, group_nickname: string): Promise<null> =>
    this.#data('PUT', '/group/nickname', { body: { group_id, group_nickname } });
  group = (group_id: string): Promise<T.GroupInfo> => this.#data('GET', '/group/info', { query: { group_id } });
  members = (group_id: string, page: T.ListPage = {}): Promise<T.Listed<T.Member>> =>
    this.#list('/group/members', { query: { group_id, ...page } });

  send = (message: T.Send): Promise<T.Message> => this.#data('POST', '/msg/send', { body: message });
  pull = (pull: T.Pull): Promise<T.Page> => this.#data('GET', '/msg/pull', { query: pull });
  maxSeq = (conversation_id: string): Promise<T.MaxSeq> => this.#data('GET', '/msg/max_seq', { query: { conversation_id } });

  conversations = (page: T.ListPage & { updated_after?: number } = {}): Promise<T.Listed<T.Conversation>> =>
    this.#list('/conversation/list', { query: page });
  conversation = (conversation_id: string): Promise<T.Conversation> =>
    this.#data('GET', '/conversation/info', { query: { conversation_id } });
  updateConversation = (conversation_id: string, update: T.ConversationUpdate): Promise<null> =>
    this.#data('PUT', '/conversation/update', { query: { conversation_id }, body: update });
  markRead = (conversation_id: string, read_seq: number): Promise<null> =>
    this.#data('POST', '/conversation/mark_read', { body: { conversation_id, read_seq } });
  readState = (conversation_id: string): Promise<T.ReadState> =>
    this.#data('GET', '/conversation/max_read_seq', { query: { conversation_id } });
  unreadCount = (conversation_id: string, read_seq?: number): Promise<T.UnreadCount> =>
    this.#data('GET', '/conversation/unread_count', { query: { conversation_id, read_seq } });

  async #data<P extends Path>(
    method: Routes[P]['method'],
    path: P,
    takes: Routes[P]['takes'],
    token?: string | null,
  ): Promise<Routes[P]['data']> {
    return (await this.#call<P>(method, path, takes, token)).data;
  }

  async #list<P extends '/group/members' | '/conversation/list'>(
    path: P,
    takes: Routes[P]['takes'],
  ): Promise<T.Listed<Routes[P]['data'][number]>> {
    const { data, headers } = await this.#call<P>('GET', path, takes);
    return { items: data, next: headers.get('x-next-cursor') ?? undefined };
  }

  #call<P extends Path>(
    method: Routes[P]['method'],
    path: P,
    { path: named = {}, query, body }: Fields,
    token?: string | null,
  ): Promise<Answer<Routes[P]['data']>> {
    return this.#http.call({
      method,
      path: path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(named[name] ?? '')),
      ...(query ? { query } : {}),
      ...(body ? { body } : {}),
      ...(token === undefined ? {} : { token }),
    });
  }
}
