/** Keeps a socket: opens one, and another one when it ended, as its close code says. */

import { Backoff, pause } from './backoff.js';
import { afterClose } from './codes.js';
import { NoAnswer, isPassing, isTokenError, retryAfterMs } from './errors.js';
import type { EventFrame, Hello, MessageFrame, Op } from './frames.js';
import { type Ended, Socket, type WebSocketConstructor } from './socket.js';

/** Where the connection stands. */
export type ConnectionState =
  /** Nobody wants one. */
  | 'offline'
  | 'connecting'
  /** Open, and what was missed was pushed or is known. */
  | 'online'
  /** It waits before the next try. */
  | 'waiting';

/** Why a connection is given up. */
export type GivenUp = 'replaced' | 'expired';

/** What asking the server about a failed handshake says. A browser is told nothing of it. */
export type Probe = { token: 'good' | 'refused' | 'unknown'; retryAfterMs?: number | undefined };

/** What a connection is made of. */
export interface ConnectionParts {
  url: string;
  WebSocket: WebSocketConstructor;
  backoff: Backoff;
  token: () => string | undefined;
  /** Where to go on; `undefined` to begin. */
  after: () => string | undefined;
  /** The server does not take the position: begin. */
  forget: () => void;
  /** Looks whether the token is good. */
  probe: (token: string) => Promise<Probe>;
  /** Gets another token for a refused one. */
  renew: (refused: string) => Promise<boolean>;
  message: (frame: MessageFrame) => void;
  event: (frame: Exclude<EventFrame, Hello>) => void;
  /** A socket greets; what was missed follows only if the log goes on there. */
  hello: (frame: Hello, log: 'begins' | 'goes on') => void;
  state: (state: ConnectionState) => void;
  givenUp: (why: GivenUp) => void;
  failed: (error: unknown) => void;
}

/** One that was online for so long was a success. */
const STEADY_MS = 10_000;

/** After so many refused handshakes with a good token, it is the position that is refused. */
const REFUSALS = 3;

/** The connection of a client. */
export class Connection {
  readonly #parts: ConnectionParts;
  #state: ConnectionState = 'offline';
  #socket: Socket | undefined;
  #stop: AbortController | undefined;
  #nap: AbortController | undefined;
  #onlineAt: number | undefined;
  #refusals = 0;
  /** Whether the socket's `recovered` is still to come. */
  #recovering = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Connects, and stays connected until it is stopped or given up. */
  start(): void {
    if (this.#stop) return;
    const stop = new AbortController();
    this.#stop = stop;
    void this.#run(stop.signal).catch(this.#parts.failed);
  }

  /** Disconnects. */
  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#nap?.abort();
    this.#socket?.close();
    this.#become('offline');
  }

  /** Something changed out there: waits no longer, and looks whether an open socket still works. */
  nudge(): void {
    this.#nap?.abort();
    void this.#socket?.probe();
  }

  /** Begins with a new socket. */
  restart(): void {
    this.#socket?.drop();
  }

  /** Makes a call over the socket. */
  async call<T>(op: Op, data: object): Promise<T> {
    const socket = this.#socket;
    if (!socket || this.#state !== 'online') throw new NoAnswer('not connected');
    try {
      return await socket.call<T>(op, data);
    } catch (error) {
      // The next handshake finds out what to do.
      if (isTokenError(error)) socket.drop();
      throw error;
    }
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const token = this.#parts.token();
      if (!token) return this.#giveUp('expired', signal);
      this.#become('connecting');
      const ended = await this.#once(token);
      if (signal.aborted) return;
      const delayMs = await this.#next(ended, token, signal);
      if (delayMs === undefined || signal.aborted) return;
      this.#become('waiting');
      this.#nap = new AbortController();
      await pause(delayMs, this.#nap.signal);
    }
  }

  /** One socket from beginning to end. */
  async #once(token: string): Promise<Ended> {
    const after = this.#parts.after();
    this.#recovering = after !== undefined;
    this.#onlineAt = undefined;
    const socket = new Socket(new this.#parts.WebSocket(address(this.#parts.url, after), ['nexo.v1', `nexo.token.${token}`]), {
      message: (frame) => this.#parts.message(frame),
      event: (frame) => this.#event(frame),
    });
    this.#socket = socket;
    const ended = await socket.ended;
    if (this.#socket === socket) this.#socket = undefined;
    return ended;
  }

  #event(frame: EventFrame): void {
    if (frame.event === 'hello') {
      this.#socket?.expect(frame.heartbeat_ms);
      this.#parts.hello(frame, this.#recovering ? 'goes on' : 'begins');
    } else this.#parts.event(frame);
    const done = this.#recovering ? frame.event === 'recovered' : frame.event === 'hello';
    if (!done || !this.#stop) return;
    this.#recovering = false;
    this.#refusals = 0;
    this.#onlineAt = Date.now();
    this.#become('online');
  }

  /** How long to wait before the next socket; `undefined` if there is to be none. */
  async #next(ended: Ended, token: string, signal: AbortSignal): Promise<number | undefined> {
    const { backoff } = this.#parts;
    if (this.#onlineAt !== undefined && Date.now() - this.#onlineAt >= STEADY_MS) backoff.reset();
    if (!ended.opened) return this.#refused(token, signal);
    switch (afterClose(ended.code)) {
      case 'replaced':
        return this.#giveUp('replaced', signal);
      case 'token':
        return this.#renew(token, signal);
      case 'soon':
        return backoff.soon();
      case 'crowded':
        return backoff.long();
      case 'grow':
        return backoff.next();
    }
  }

  async #refused(token: string, signal: AbortSignal): Promise<number | undefined> {
    const { token: found, retryAfterMs } = await this.#parts.probe(token);
    if (found === 'refused') return this.#renew(token, signal);
    if (found === 'good' && (this.#refusals += 1) >= REFUSALS) {
      this.#refusals = 0;
      this.#parts.forget();
    }
    return this.#parts.backoff.next(retryAfterMs);
  }

  async #renew(token: string, signal: AbortSignal): Promise<number | undefined> {
    try {
      if (!(await this.#parts.renew(token))) return this.#giveUp('expired', signal);
    } catch (error) {
      this.#parts.failed(error);
      // A login that is refused will be refused again.
      return isPassing(error) ? this.#parts.backoff.next(retryAfterMs(error)) : this.#giveUp('expired', signal);
    }
    // A first new token is used at once; tokens that are refused again and again are not.
    const delayMs = this.#parts.backoff.next();
    return this.#parts.backoff.failures === 1 ? 0 : delayMs;
  }

  #giveUp(why: GivenUp, signal: AbortSignal): undefined {
    if (signal.aborted) return;
    this.#stop = undefined;
    this.#become('offline');
    this.#parts.givenUp(why);
  }

  #become(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#parts.state(state);
  }
}

/** The address of the WebSocket of a server. */
export function address(url: string, after: string | undefined): string {
  const base = url.replace(/\/+$/, '').replace(/^http/, 'ws');
  return `${base}/ws${after === undefined ? '' : `?after=${encodeURIComponent(after)}`}`;
}
