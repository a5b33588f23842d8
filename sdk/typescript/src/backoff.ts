/** How long to wait before the next try. Randomness is an argument. */

/** A number in [0, 1). */
export type Random = () => number;

/** Bounds of a delay that grows. */
export interface BackoffOptions {
  /** About the first delay. */
  firstMs: number;
  /** The longest delay. */
  longestMs: number;
}

/** What fits a connection of a person. */
export const USUAL: BackoffOptions = { firstMs: 500, longestMs: 30_000 };

/** Delays that double, each of them random between its half and its whole, so that a crowd does not come back at once. */
export class Backoff {
  #failures = 0;
  readonly #options: BackoffOptions;
  readonly #random: Random;

  constructor(options: BackoffOptions = USUAL, random: Random = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** How often in a row it failed. */
  get failures(): number {
    return this.#failures;
  }

  /** The next delay; never shorter than what the server asked for. */
  next(atLeastMs = 0): number {
    const { firstMs, longestMs } = this.#options;
    const whole = Math.min(longestMs, firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    const delay = Math.max(whole, atLeastMs) - (whole / 2) * this.#random();
    return Math.round(Math.max(delay, atLeastMs + (whole / 4) * this.#random()));
  }

  /** A random short delay at first, for when everybody comes back; then as `next`. */
  soon(): number {
    if (this.#failures > 0) return this.next();
    this.#failures += 1;
    return Math.round(this.#options.firstMs * 2 * this.#random());
  }

  /** About the longest delay. */
  long(): number {
    return Math.round(this.#options.longestMs * (1 - this.#random() / 2));
  }

  /** Starts over: it went well. */
  reset(): void {
    this.#failures = 0;
  }
}

/** Waits; an abort ends the wait at once, without an error. */
export function pause(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(delayMs, LONGEST_TIMER_MS));
    signal?.addEventListener('abort', done);
  });
}

/** Timers of 2^31 ms and more fire at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
