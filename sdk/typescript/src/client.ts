/** The client: one user on one device. */

import { Account } from './account.js';
import { Api } from './api.js';
import { Backoff, type Random, USUAL } from './backoff.js';
import { Connection, type ConnectionState, type Probe } from './connection.js';
import type { ConversationView } from './conversations.js';
import { Emitter, type Listener } from './emitter.js';
import { type NexoError, isTokenError, retryAfterMs } from './errors.js';
import type { ClientEvents, SignedOut } from './events.js';
import { after, before } from './history.js';
import { Http } from './http.js';
import { Journal } from './journal.js';
import type { ClientOptions, Draft, HistoryPage } from './options.js';
import { newClientMsgId, type Outgoing, type Sending } from './outbox.js';
import { Session } from './session.js';
import type { WebSocketConstructor } from './socket.js';
import { MemoryStore, type Store } from './store.js';
import { listen, platformWebSocket } from './surroundings.js';
import type { ConversationUpdate, Login, Message } from './types.js';

/** A user of Nexo on this device. */
export class NexoClient {
  /** The REST calls. */
  readonly api: Api;
  readonly #options: ClientOptions;
  readonly #store: Store;
  readonly #random: Random;
  readonly #events = new Emitter<ClientEvents>();
  readonly #journal: Journal;
  readonly #session: Session;
  readonly #connection: Connection;
  #account: Account | undefined;
  #deaf: (() => void) | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#store = options.store ?? new MemoryStore();
    this.#random = options.random ?? Math.random;
    const failed = (error: unknown): void => this.#failed(error);
    this.api = new Api(
      new Http({
        url: options.url,
        token: () => this.#session.token,
        refused: (error, token) => this.#refused(error, token),
        ...(options.fetch ? { fetch: options.fetch } : {}),
        ...(options.timeoutMs ? { timeoutMs: options.timeoutMs } : {}),
      }),
    );
    this.#journal = new Journal(this.#store, failed);
    const { credentials } = options;
    this.#session = new Session({ api: this.api, store: this.#store, random: this.#random, credentials, failed });
    this.#connection = this.#newConnection();
  }

  /** Calls `listener` with each event, until the function that this returns is called. */
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): () => void {
    return this.#events.on(name, listener);
  }

  /** Resolves with the next event of a kind. */
  next<Name extends keyof ClientEvents>(name: Name): Promise<ClientEvents[Name]> {
    return new Promise((resolve) => this.#events.once(name, resolve));
  }

  /** Logs in. Any other login of this user on this platform ends. */
  async login(login: Login): Promise<void> {
    this.disconnect();
    await this.#session.login(login);
    const account = await this.#open();
    try {
      await account?.begin();
    } catch (error) {
      // The login is good. The list is taken with the first connection.
      this.#failed(error);
    }
  }

  /** Takes up the login that the store kept. Answers whether there is one; whether it still counts shows when connecting. */
  async resume(): Promise<boolean> {
    this.disconnect();
    if (!(await this.#session.resume())) return false;
    await this.#open();
    return true;
  }

  /** Connects, and stays connected whatever happens, until `disconnect`, `close`, or an end of the login. */
  connect(): void {
    this.#signedIn();
    this.#deaf ??= listen(() => this.#connection.nudge());
    this.#connection.start();
  }

  /** Disconnects. What is sent meanwhile waits. */
  disconnect(): void {
    this.#deaf?.();
    this.#deaf = undefined;
    this.#connection.stop();
  }

  /** Ends the login, and forgets it. */
  async logout(): Promise<void> {
    this.disconnect();
    try {
      await this.api.logout();
    } finally {
      await this.#signOut('logout');
    }
  }

  /** Disconnects, and writes what is to be kept. The client is of no more use. */
  async close(): Promise<void> {
    this.disconnect();
    this.#session.stop();
    this.#account?.stop();
    await this.#journal.flush();
    await this.#store.close();
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /** Who is logged in. */
  get user_id(): string | undefined {
    return this.#session.user_id;
  }

  /** Whether it is online and nothing is missing. */
  get isSynced(): boolean {
    return this.#account?.isSynced ?? false;
  }

  /** Sends a message, now or when there is a connection: it is stored once, and in the order of these calls within a conversation. */
  send(draft: Draft): Sending {
    const { client_msg_id = newClientMsgId(), msg_type = 1, content } = draft;
    const to =
      'group_id' in draft
        ? { group_id: draft.group_id, session_type: 2 as const }
        : { recv_id: draft.recv_id, session_type: 1 as const };
    return this.#signedIn().outbox.add({ client_msg_id, ...to, msg_type, content });
  }

  /** Sends a text. */
  sendText(to: { recv_id: string } | { group_id: string }, text: string): Sending {
    return this.send({ ...to, content: { text } });
  }

  /** Messages that are not stored yet, failed ones among them. */
  outgoing(): Outgoing[] {
    return this.#account?.outbox.list() ?? [];
  }

  /** Tries a failed message again. */
  retry(client_msg_id: string): void {
    this.#account?.outbox.retry(client_msg_id);
  }

  /** Gives up a failed message. */
  discard(client_msg_id: string): void {
    this.#account?.outbox.discard(client_msg_id);
  }

  /** The conversations: pinned ones first, then the latest first. */
  conversations(): ConversationView[] {
    return this.#account?.conversations.list() ?? [];
  }

  /** One of them. */
  conversation(conversation_id: string): ConversationView | undefined {
    return this.#account?.conversations.get(conversation_id)?.view();
  }

  /** The last messages of a conversation, in order; with `before_seq`, those before that one; with `after_seq`, the first after it. */
  async history(conversation_id: string, page: HistoryPage = {}): Promise<Message[]> {
    if (page.after_seq !== undefined) return after(this.api, conversation_id, page.after_seq, page.limit ?? 50);
    const last = page.before_seq === undefined ? (await this.api.maxSeq(conversation_id)).max_seq : page.before_seq - 1;
    return before(this.api, conversation_id, last, page.limit ?? 50);
  }

  /** Marks a conversation as read, up to its last message or to a given one. */
  markRead(conversation_id: string, seq?: number): void {
    const entry = this.#account?.conversations.get(conversation_id);
    if (entry) this.#account?.markRead(conversation_id, seq ?? entry.view().max_seq);
  }

  /** Changes the settings of a conversation, here too. */
  async configure(conversation_id: string, settings: ConversationUpdate): Promise<void> {
    await this.api.updateConversation(conversation_id, settings);
    this.#account?.configured(conversation_id, settings);
  }

  #newConnection(): Connection {
    return new Connection({
      url: this.#options.url,
      WebSocket: this.#webSocket(),
      backoff: new Backoff(this.#options.backoff ?? USUAL, this.#random),
      token: () => this.#session.token,
      after: () => this.#account?.after,
      forget: () => this.#account?.forgetPosition(),
      probe: (token) => this.#probe(token),
      renew: (refused) => this.#renew(refused),
      message: (frame) => this.#account?.pushed(frame),
      event: (frame) => this.#account?.event(frame),
      hello: (frame, log) => {
        this.#session.heard(frame.server_time);
        this.#account?.hello(frame, log);
      },
      state: (state) => this.#became(state),
      givenUp: (why) => void this.#signOut(why).catch((error: unknown) => this.#failed(error)),
      failed: (error) => this.#failed(error),
    });
  }

  #webSocket(): WebSocketConstructor {
    const found = this.#options.WebSocket ?? platformWebSocket();
    if (!found) throw new TypeError('this platform has no WebSocket: give one, as { WebSocket } from the package ws');
    return found;
  }

  #signedIn(): Account {
    if (!this.#account) throw new Error('nobody is logged in');
    return this.#account;
  }

  /** Takes up what is kept of the user who is logged in now. */
  async #open(): Promise<Account | undefined> {
    const me = this.#session.user_id;
    if (me === undefined) return undefined;
    this.#account?.stop();
    const kept = await this.#journal.open(me);
    const account = new Account({
      me,
      server: this.#options.url.replace(/\/+$/, ''),
      api: this.api,
      journal: this.#journal,
      random: this.#random,
      history: this.#options.history ?? 'skip',
      call: (op, data) => this.#connection.call(op, data),
      events: this.#events,
      failed: (error) => this.#failed(error),
    });
    account.load(kept);
    this.#account = account;
    return account;
  }

  async #renew(refused: string): Promise<boolean> {
    const before = this.#session.user_id;
    const renewed = await this.#session.renew(refused);
    // The credentials may be another user's, whose log is another one.
    if (renewed && this.#session.user_id !== before) await this.#open();
    return renewed;
  }

  async #probe(token: string): Promise<Probe> {
    try {
      await this.api.me(token);
      return { token: 'good' };
    } catch (error) {
      if (isTokenError(error)) return { token: 'refused' };
      return { token: 'unknown', retryAfterMs: retryAfterMs(error) };
    }
  }

  /** A call was refused for its token: the connection begins anew, and finds out what to do. */
  #refused(error: NexoError, token: string): void {
    if (isTokenError(error) && token === this.#session.token) this.#connection.restart();
  }

  #failed(error: unknown): void {
    this.#events.emit('error', error);
  }

  #became(state: ConnectionState): void {
    if (state === 'online') this.#account?.online();
    else if (state === 'offline') this.#account?.rest();
    else this.#account?.offline();
    this.#events.emit('state', state);
  }

  async #signOut(reason: SignedOut): Promise<void> {
    this.disconnect();
    this.#account?.stop();
    this.#account = undefined;
    await this.#journal.flush();
    await this.#session.end();
    this.#events.emit('signed_out', { reason });
  }
}
