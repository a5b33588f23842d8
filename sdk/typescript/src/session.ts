/** Who is logged in, by which token, and how that goes on before it ends. */

import type { Api } from './api.js';
import { Backoff, LONGEST_TIMER_MS, type Random } from './backoff.js';
import { isTokenError, retryAfterMs } from './errors.js';
import type { Store } from './store.js';
import type { Login, PlatformId, Refreshed } from './types.js';

const KEY = 'session';

/** A refresh is due after this part of a token's life; three tries fit into the rest. */
const DUE = 0.75;

/** When the life of a token is not known: it was kept without its end, or the clock of this device says that it never began. */
const GUESSED_LIFE_MS = 3_600_000;

/** A clock that is off by less is no reason to plan anew. */
const CLOCK_MOVED_MS = 1_000;

/** What is kept of a login. */
export interface Kept {
  token: string;
  /** When the token ends, by the server's clock. Earlier versions of this library did not keep it. */
  expires_at?: number;
  user_id: string;
  platform_id: PlatformId;
  /** By the clock of this device, which may be wrong. */
  obtained_at_ms: number;
}

/** What a session is made of. */
export interface SessionParts {
  api: Api;
  store: Store;
  random: Random;
  /** Logs in anew when the token is refused, if it gives a login. */
  credentials?: (() => Promise<Login | undefined>) | undefined;
  /** Hears of errors that no call of the application is about. */
  failed: (error: unknown) => void;
}

/** The login of this client. */
export class Session {
  readonly #parts: SessionParts;
  #kept: Kept | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewing: Promise<boolean> | undefined;
  #backoff: Backoff;
  /** How far the server's clock is ahead of this device's. */
  #aheadMs = 0;
  /** The refresh is due: it is on its way, or waits for its next try. */
  #due = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#backoff = new Backoff({ firstMs: 1_000, longestMs: 60_000 }, parts.random);
  }

  get token(): string | undefined {
    return this.#kept?.token;
  }

  get user_id(): string | undefined {
    return this.#kept?.user_id;
  }

  /** Logs in, and keeps the token. */
  async login(login: Login): Promise<void> {
    const { user_info, ...token } = await this.#parts.api.login(login);
    await this.#adopt(token, user_info.user_id, login.platform_id);
  }

  /** Takes up the login that was kept, if there is one. */
  async resume(): Promise<boolean> {
    const kept = await this.#read();
    if (!kept) return false;
    this.#kept = kept;
    this.#schedule();
    return true;
  }

  /** Takes the server's time. */
  heard(server_time: number): void {
    const aheadMs = server_time - Date.now();
    if (Math.abs(aheadMs - this.#aheadMs) <= CLOCK_MOVED_MS) return;
    this.#aheadMs = aheadMs;
    if (!this.#due) this.#schedule();
  }

  /** Gets another token for one that was refused. Answers whether there is one now. */
  renew(refused: string): Promise<boolean> {
    if (this.#kept && this.#kept.token !== refused) return Promise.resolve(true);
    this.#renewing ??= this.#renew(refused).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Forgets the login. */
  async end(): Promise<void> {
    this.stop();
    this.#kept = undefined;
    await this.#parts.store.write([[KEY, undefined]]);
  }

  /** Refreshes no more; what is kept stays. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #renew(refused: string): Promise<boolean> {
    // Another tab may have refreshed it.
    const kept = await this.#read();
    if (kept && kept.token !== refused && kept.user_id === this.user_id) {
      this.#kept = kept;
      this.#schedule();
      return true;
    }
    const login = await this.#parts.credentials?.();
    if (!login) return false;
    await this.login(login);
    return true;
  }

  async #read(): Promise<Kept | undefined> {
    const found = await this.#parts.store.read(KEY);
    return found.find(([key]) => key === KEY)?.[1] as Kept | undefined;
  }

  async #adopt({ token, expires_at }: Refreshed, user_id: string, platform_id: PlatformId): Promise<void> {
    this.#kept = { token, expires_at, user_id, platform_id, obtained_at_ms: Date.now() };
    this.#schedule();
    await this.#parts.store.write([[KEY, this.#kept]]);
  }

  #schedule(): void {
    if (!this.#kept) return;
    this.#due = false;
    const { expires_at, obtained_at_ms } = this.#kept;
    const nowMs = Date.now();
    // One that was obtained later than now was so by a clock that has been set back since.
    const beganMs = Math.min(obtained_at_ms, nowMs);
    const toldMs = expires_at === undefined ? 0 : expires_at - this.#aheadMs - beganMs;
    const lifeMs = toldMs > 0 ? toldMs : GUESSED_LIFE_MS;
    // Some earlier than due, so that tokens given in one moment are not refreshed in one.
    this.#wait(beganMs + lifeMs * (DUE - 0.1 * this.#parts.random()) - nowMs);
  }

  #wait(delayMs: number): void {
    this.stop();
    const long = delayMs > LONGEST_TIMER_MS;
    this.#timer = setTimeout(() => (long ? this.#schedule() : void this.#refresh()), Math.min(Math.max(delayMs, 0), LONGEST_TIMER_MS));
  }

  async #refresh(): Promise<void> {
    const kept = this.#kept;
    if (!kept) return;
    this.#due = true;
    try {
      const token = await this.#parts.api.refresh(kept.token);
      if (this.#kept !== kept) return;
      this.#backoff.reset();
      await this.#adopt(token, kept.user_id, kept.platform_id);
    } catch (error) {
      if (this.#kept !== kept) return;
      // The socket of a refused token is closed, and asks for a new one then.
      if (isTokenError(error)) return;
      this.#parts.failed(error);
      // A lost answer is given again within half a minute, so the first tries are soon.
      this.#wait(this.#backoff.next(retryAfterMs(error)));
    }
  }
}
