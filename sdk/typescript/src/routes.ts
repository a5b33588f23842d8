/** What each route of docs/api.md takes and answers. `npm run check` compares it with docs/openapi.json. */

import type * as T from './types.js';

/** What a call hands over: what stands in its path, its query, its body. */
export interface Fields {
  path?: Record<string, string>;
  query?: object;
  body?: object;
}

interface Route<Method, Takes extends Fields, Data> {
  method: Method;
  takes: Takes;
  data: Data;
}

type Nothing = Record<string, never>;
type Get<Query extends object, Data> = Route<'GET', { query: Query }, Data>;
type Post<Body extends object, Data = null> = Route<'POST', { body: Body }, Data>;
type Put<Body extends object, Data = null> = Route<'PUT', { body: Body }, Data>;

interface OfGroup {
  group_id: string;
}

interface OfMember extends OfGroup {
  user_id: string;
}

interface OfConversation {
  conversation_id: string;
}

/** All routes that are called over HTTP. */
export interface Routes {
  '/auth/register': Post<T.Register, T.User>;
  '/auth/login': Post<T.Login, T.LoggedIn>;
  '/auth/refresh': Route<'POST', Nothing, T.Refreshed>;
  '/auth/logout': Route<'POST', Nothing, null>;

  '/user/info': Route<'GET', Nothing, T.User>;
  '/user/profile/{user_id}': Route<'GET', { path: { user_id: string } }, T.User>;
  '/user/update': Put<T.UserUpdate, T.User>;

  '/group/create': Post<T.GroupCreate, T.CreatedGroup>;
  '/group/join': Post<OfGroup & { inviter_id?: string | undefined }>;
  '/group/quit': Post<OfGroup>;
  '/group/transfer': Post<OfMember>;
  '/group/dismiss': Post<OfGroup>;
  '/group/kick': Post<OfMember>;
  '/group/set_role': Post<OfMember & { role_level: 1 | 2 }>;
  '/group/update': Put<T.GroupUpdate, T.GroupInfo>;
  '/group/nickname': Put<OfGroup & { group_nickname: string }>;
  '/group/info': Get<OfGroup, T.GroupInfo>;
  '/group/members': Get<OfGroup & T.ListPage, T.Member[]>;

  '/msg/send': Post<T.Send, T.Message>;
  '/msg/pull': Get<T.Pull, T.Page>;
  '/msg/max_seq': Get<OfConversation, T.MaxSeq>;

  '/conversation/list': Get<T.ListPage & { updated_after?: number }, T.Conversation[]>;
  '/conversation/info': Get<OfConversation, T.Conversation>;
  '/conversation/update': Route<'PUT', { query: OfConversation; body: T.ConversationUpdate }, null>;
  '/conversation/mark_read': Post<OfConversation & { read_seq: number }>;
  '/conversation/max_read_seq': Get<OfConversation, T.ReadState>;
  '/conversation/unread_count': Get<OfConversation & { read_seq?: number | undefined }, T.UnreadCount>;
}

/** A path of a call, with the names of what stands in it. */
export type Path = keyof Routes;
