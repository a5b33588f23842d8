/** Where the user's log stands here: what a reconnect hands to `after`. Pure. */

/** What is kept of a position. */
export interface PositionRecord {
  push_id: string;
  /** Where it counts. */
  server: string;
}

/** The position, which stands still while something before it is not safe yet. */
export class Position {
  #safe: string | undefined;
  #seen: string | undefined;
  #holds = 0;
  readonly #server: string;
  readonly #moved: () => void;

  /** What was kept of another server's log says nothing of this one's. */
  constructor(server: string, moved: () => void, kept?: PositionRecord) {
    this.#server = server;
    this.#moved = moved;
    this.#safe = kept?.server === server ? kept.push_id : undefined;
  }

  /** All before it was handed out, or is known to be missing. */
  get safe(): string | undefined {
    return this.#safe;
  }

  /** What to keep. */
  record(): PositionRecord | undefined {
    return this.#safe === undefined ? undefined : { push_id: this.#safe, server: this.#server };
  }

  /** A frame with this place came. */
  seen(push_id: string): void {
    this.#seen = push_id;
    this.#settle();
  }

  /** Stands still until the function that this returns is called. */
  hold(): () => void {
    this.#holds += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holds -= 1;
      this.#settle();
    };
  }

  /** Begins anew: nothing can be told of what was missed. */
  forget(): void {
    this.#safe = undefined;
    this.#seen = undefined;
    this.#moved();
  }

  #settle(): void {
    if (this.#holds > 0 || this.#seen === undefined || this.#seen === this.#safe) return;
    this.#safe = this.#seen;
    this.#moved();
  }
}
