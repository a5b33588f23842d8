/** One WebSocket: calls and their answers, and whether anybody is still there. */

import { NexoError, NoAnswer } from './errors.js';
import { type EventFrame, type MessageFrame, type Op, readFrame } from './frames.js';

/** What is used of a WebSocket: the one of browsers, and the one of the package `ws`. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  /** 2 and above once it ends. */
  readonly readyState: number;
  send(data: string): void;
  close(code?: number, reason?: string): void;
  /** Ends it without a word; browsers have none. */
  terminate?(): void;
}

/** Opens a WebSocket. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/** How a socket ended. */
export interface Ended {
  /** The close code; 1006 if there was none. */
  code: number;
  /** Whether the handshake had gone through. */
  opened: boolean;
}

/** Who hears of a socket. */
export interface SocketListener {
  message(frame: MessageFrame): void;
  event(frame: EventFrame): void;
}

/** How long a new socket may take until its first frame, and an answer at any time. */
const ANSWER_MS = 15_000;

/** How long a ping may take. */
const PING_MS = 10_000;

/** The `readyState` of a socket that ends. */
const CLOSING = 2;

/** Silence before the `hello` says what is usual. */
const FIRST_SILENCE_MS = 30_000;

interface Asked {
  resolve: (data: unknown) => void;
  reject: (error: Error) => void;
  timer: ReturnType<typeof setTimeout>;
}

/** A socket from its opening to its end. */
export class Socket {
  /** Resolves once it has ended, for whatever reason. */
  readonly ended: Promise<Ended>;
  readonly #socket: WebSocketLike;
  readonly #listener: SocketListener;
  #asked = new Map<string, Asked>();
  #next = 1;
  #opened = false;
  #end: (ended: Ended) => void = () => {};
  #silence: ReturnType<typeof setTimeout> | undefined;
  #silenceMs = FIRST_SILENCE_MS;
  #heard = false;

  constructor(socket: WebSocketLike, listener: SocketListener) {
    this.#socket = socket;
    this.#listener = listener;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    socket.onopen = () => {
      this.#opened = true;
    };
    socket.onmessage = (event: { data: unknown }) => this.#take(event.data);
    socket.onclose = (event: { code: number }) => this.#finish(event.code);
    // The close that follows says all that can be known.
    socket.onerror = () => {};
    this.#silence = setTimeout(() => this.drop(), ANSWER_MS);
  }

  /** Makes a call. The frames of one socket are handled in order. */
  call<T>(op: Op, data: object | undefined, withinMs = ANSWER_MS): Promise<T> {
    const id = String(this.#next++);
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#asked.delete(id);
        reject(new NoAnswer(`${op} got no answer`));
      }, withinMs);
      this.#asked.set(id, { resolve: resolve as (data: unknown) => void, reject, timer });
      try {
        // One that ends takes nothing more, and complains in the console; its end is near, and ends the call.
        if (this.#socket.readyState < CLOSING) this.#socket.send(JSON.stringify({ id, op, ...(data ? { data } : {}) }));
      } catch (error) {
        clearTimeout(timer);
        this.#asked.delete(id);
        reject(new NoAnswer(`${op} could not be sent`, error));
      }
    });
  }

  /** Learns how often the server pings: after so long a silence, this asks whether it is there. */
  expect(heartbeatMs: number): void {
    this.#silenceMs = heartbeatMs;
    this.#listen();
  }

  /** Asks whether the server is there, and drops the socket if not. */
  async probe(): Promise<void> {
    try {
      await this.call('ping', undefined, PING_MS);
    } catch (error) {
      // A refusal is an answer too.
      if (error instanceof NoAnswer) this.drop();
    }
  }

  /** Ends the socket now, whoever still listens there. */
  drop(): void {
    this.#finish(1006);
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }

  /** Ends it in good manners. */
  close(): void {
    this.#finish(1000);
    this.#socket.close(1000);
  }

  #take(data: unknown): void {
    if (typeof data !== 'string') return;
    this.#heard = true;
    const read = readFrame(data);
    if (read.kind === 'message') this.#listener.message(read.frame);
    else if (read.kind === 'event') this.#listener.event(read.frame);
    else if (read.kind === 'answer') this.#answer(read.frame);
  }

  #answer(frame: { id: unknown; code: number; msg: string; data: unknown; retry_after_ms?: number }): void {
    const id = String(frame.id);
    const asked = this.#asked.get(id);
    // It came too late: whoever asked has given up, and asks again.
    if (!asked) return;
    this.#asked.delete(id);
    clearTimeout(asked.timer);
    if (frame.code === 0) asked.resolve(frame.data);
    else asked.reject(new NexoError(frame.code, frame.msg, 0, frame.retry_after_ms));
  }

  #listen(): void {
    clearTimeout(this.#silence);
    this.#heard = false;
    this.#silence = setTimeout(() => {
      if (!this.#heard) void this.probe();
      this.#listen();
    }, this.#silenceMs);
  }

  #finish(code: number): void {
    const { onclose } = this.#socket;
    if (!onclose) return;
    Object.assign(this.#socket, { onopen: null, onmessage: null, onclose: null });
    clearTimeout(this.#silence);
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(new NoAnswer('the connection ended before the answer'));
    }
    this.#asked.clear();
    this.#end({ code, opened: this.#opened });
  }
}
