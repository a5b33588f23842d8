/** How a client is made, and what it is given to send. */

import type { BackoffOptions, Random } from './backoff.js';
import type { WebSocketConstructor } from './socket.js';
import type { Store } from './store.js';
import type { Content, Login, MsgType } from './types.js';

/** How a client is made. */
export interface ClientOptions {
  /** Of the server, such as `https://chat.example.com`. */
  url: string;
  /** Where the login, unsent messages and places are kept. By default in memory: a reload forgets them. */
  store?: Store;
  /** Needed where the platform has none, as in Node 20: that of the package `ws`. */
  WebSocket?: WebSocketConstructor;
  fetch?: typeof fetch;
  /** For bots: logs in anew whenever the token is refused. People are asked instead, after `signed_out`. */
  credentials?: () => Promise<Login | undefined>;
  /** Whether messages from before this device was are events too (`deliver`), or only found by `history` (`skip`). */
  history?: 'skip' | 'deliver';
  backoff?: BackoffOptions;
  random?: Random;
  /** After so long a call has no answer. */
  timeoutMs?: number;
}

/** To whom a message goes, and what it is. */
export type Draft = ({ recv_id: string } | { group_id: string }) & {
  /** 1, text, by default. */
  msg_type?: MsgType;
  content: Content;
  client_msg_id?: string;
};

/** Which messages of a history. */
export interface HistoryPage {
  /** Those before this one, the last of them. */
  before_seq?: number;
  /** Those after this one, the first of them; it goes before `before_seq`. */
  after_seq?: number;
  /** The most, 50 by default. */
  limit?: number;
}
