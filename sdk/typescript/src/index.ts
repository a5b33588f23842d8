/** What an application needs of this package. */

export { NexoClient } from './client.js';
export type { ClientOptions, Draft, HistoryPage } from './options.js';
export type { ClientEvents, SignedOut } from './events.js';
export type { ConversationView } from './conversations.js';
export type { ConnectionState } from './connection.js';
export type { Outgoing, OutgoingState, Sending } from './outbox.js';
export type { WebSocketConstructor, WebSocketLike } from './socket.js';
export { MemoryStore, type Change, type Store } from './store.js';
export { IndexedDbStore } from './indexeddb.js';
export { Api } from './api.js';
export { Http, type HttpOptions } from './http.js';
export { Code } from './codes.js';
export { NexoError, NoAnswer, isPassing, isTokenError, retryAfterMs } from './errors.js';
export { groupId, newerFirst, singleId } from './conversations.js';
export type * from './types.js';
export type { GroupChange, GroupChanged } from './frames.js';
