/** One call: JSON there, the envelope back. */

import { NexoError, NoAnswer } from './errors.js';

/** What a call is made of. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  query?: object;
  body?: object;
  /** Shown instead of the current token; `null` shows none. */
  token?: string | null;
}

/** An answer with code 0. */
export interface Answer<T> {
  data: T;
  headers: Headers;
}

/** How calls are made. */
export interface HttpOptions {
  /** Such as `https://chat.example.com`. */
  url: string;
  /** The token to show, if there is one. */
  token: () => string | undefined;
  /** Hears of refusals of the current token. */
  refused?: (error: NexoError, token: string) => void;
  fetch?: typeof fetch;
  /** After this long there is no answer. */
  timeoutMs?: number;
}

/** What is around every answer. */
export interface Envelope {
  code: number;
  msg: string;
  data: unknown;
}

function isEnvelope(value: unknown): value is Envelope {
  return typeof value === 'object' && value !== null && 'code' in value && typeof value.code === 'number';
}

/** Makes calls. It repeats none: who knows what a call means does that. */
export class Http {
  readonly #options: HttpOptions;
  readonly #base: string;

  constructor(options: HttpOptions) {
    this.#options = options;
    this.#base = options.url.replace(/\/+$/, '');
  }

  /** Answers with the data, or throws a NexoError or NoAnswer. */
  async call<T>(call: Call): Promise<Answer<T>> {
    const token = call.token === undefined ? this.#options.token() : call.token;
    const response = await this.#fetch(call, token);
    const envelope = await this.#read(response);
    if (envelope.code === 0) return { data: envelope.data as T, headers: response.headers };
    const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
    const retryAfterMs = Number.isFinite(seconds) ? seconds * 1_000 : undefined;
    const error = new NexoError(envelope.code, envelope.msg, response.status, retryAfterMs);
    if (token && call.token === undefined) this.#options.refused?.(error, token);
    throw error;
  }

  async #fetch(call: Call, token: string | null | undefined): Promise<Response> {
    const headers = new Headers();
    if (token) headers.set('authorization', `Bearer ${token}`);
    if (call.body) headers.set('content-type', 'application/json');
    const ask = this.#options.fetch ?? fetch;
    try {
      return await ask(this.#base + call.path + query(call.query), {
        method: call.method,
        headers,
        ...(call.body ? { body: JSON.stringify(call.body) } : {}),
        signal: AbortSignal.timeout(this.#options.timeoutMs ?? 20_000),
      });
    } catch (error) {
      throw new NoAnswer(`${call.method} ${call.path} got no answer`, error);
    }
  }

  async #read(response: Response): Promise<Envelope> {
    let value: unknown;
    try {
      value = await response.json();
    } catch (error) {
      throw new NoAnswer(`an answer with HTTP ${response.status} was not whole, or not from Nexo`, error);
    }
    if (!isEnvelope(value)) throw new NoAnswer(`an answer with HTTP ${response.status} was not from Nexo`);
    return value;
  }
}

/** The query of a URL; fields without a value are left out. */
export function query(fields: Call['query']): string {
  const given = Object.entries(fields ?? {}).filter(([, value]) => value !== undefined);
  // encodeURIComponent writes a plus as %2B, as the API wants it.
  return given.length === 0 ? '' : `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`;
}
