/** Calls that may wait: some at a time, the latest first, for what is on the screen was asked for last. */

/** So many may wait while the screen moves: more than it shows at once. */
const MOST_MOVING = 120;

/** A call that waits, and what to do if it is never made. */
interface Waiting {
  call: () => Promise<void>;
  dropped: () => void;
}

/** A queue of calls. */
export class Queue {
  readonly #atOnce: number;
  #running = 0;
  #calm = true;
  #waiting: Waiting[] = [];
  #soon: ReturnType<typeof setTimeout> | undefined;

  constructor(atOnce: number) {
    this.#atOnce = atOnce;
  }

  /** Makes a call in its turn, but not at once: who asks is drawing. What flew by long ago is dropped. */
  add(call: () => Promise<void>, dropped: () => void): void {
    this.#waiting.push({ call, dropped });
    if (!this.#calm && this.#waiting.length > MOST_MOVING) this.#waiting.shift()?.dropped();
    this.#pump();
  }

  /** Makes one at a time while the screen moves: what flies by need not be asked for, and answers are work too. */
  moving(isMoving: boolean): void {
    this.#calm = !isMoving;
    this.#pump();
  }

  /** Makes none of those that wait. */
  clear(): void {
    this.#waiting = [];
  }

  /** Begins all that may run, each in a task of its own: to begin one takes about a millisecond. */
  #pump(): void {
    if (this.#soon !== undefined || !this.#mayBegin()) return;
    this.#soon = setTimeout(() => {
      this.#soon = undefined;
      if (this.#mayBegin()) this.#begin();
      this.#pump();
    });
  }

  #mayBegin(): boolean {
    return this.#waiting.length > 0 && this.#running < (this.#calm ? this.#atOnce : 1);
  }

  #begin(): void {
    const next = this.#waiting.pop();
    if (!next) return;
    this.#running += 1;
    void next.call().finally(() => {
      this.#running -= 1;
      this.#pump();
    });
  }
}
