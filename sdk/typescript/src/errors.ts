/** What can go wrong, as types. */

import { isTokenCode, passes } from './codes.js';

/** The server said no: `code` says why. */
export class NexoError extends Error {
  /** A code of docs/api.md. */
  readonly code: number;
  /** The HTTP status, or 0 for an answer over the WebSocket. */
  readonly status: number;
  /** When to try again, if the server said so. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, message: string, status = 0, retryAfterMs?: number) {
    super(`${message} (${code})`);
    this.name = 'NexoError';
    this.code = code;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer came: the outcome is unknown. */
export class NoAnswer extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'NoAnswer';
  }
}

/** Whether the same call may succeed later. */
export function isPassing(error: unknown): boolean {
  return error instanceof NoAnswer || (error instanceof NexoError && passes(error.code));
}

/** Whether the server refused the token. */
export function isTokenError(error: unknown): boolean {
  return error instanceof NexoError && isTokenCode(error.code);
}

/** When the server wants to be asked again, if it said so. */
export function retryAfterMs(error: unknown): number | undefined {
  return error instanceof NexoError ? error.retryAfterMs : undefined;
}
