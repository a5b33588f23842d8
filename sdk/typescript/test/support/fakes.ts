/** Stand-ins for a server, for what no real one does on demand. */

import type { WebSocketLike } from '../../src/index.js';

/** A WebSocket that the test is the other end of. */
export class FakeSocket implements WebSocketLike {
  static readonly opened: FakeSocket[] = [];
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: { id: string; op: string; data?: unknown }[] = [];
  readonly url: string;
  readonly protocols: string[];
  closed = false;
  readyState = 0;

  constructor(url = '', protocols: string[] = []) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.opened.push(this);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as { id: string; op: string });
  }

  close(): void {
    this.closed = true;
  }

  /** The handshake goes through. */
  open(): void {
    this.readyState = 1;
    (this.onopen as (() => void) | null)?.();
  }

  /** The server writes a frame. */
  says(frame: object): void {
    (this.onmessage as ((event: { data: string }) => void) | null)?.({ data: JSON.stringify(frame) });
  }

  /** The handshake goes through, and the server greets. */
  greets(push_id = 'p1'): void {
    this.open();
    this.says({ event: 'hello', version: 1, server_time: 0, heartbeat_ms: 30_000, push_id });
  }

  /** The connection ends. */
  ends(code: number): void {
    this.readyState = 3;
    (this.onclose as ((event: { code: number }) => void) | null)?.({ code });
  }
}

/** Lets all go on that waits for nothing but its turn. */
export async function turns(count = 20): Promise<void> {
  for (let at = 0; at < count; at++) await Promise.resolve();
}
