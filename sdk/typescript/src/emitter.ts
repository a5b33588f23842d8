/** Typed events. */

/** Takes the values of an event. */
export type Listener<T> = (value: T) => void;

/** Events by name, each with the type of its value. */
export class Emitter<Events extends object> {
  #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls `listener` with each value of `name`, until the function that this returns is called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const known = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, known.add(listener));
    return () => {
      known.delete(listener);
    };
  }

  /** Calls `listener` with the next value of `name` only. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const off = this.on(name, (value) => {
      off();
      listener(value);
    });
    return off;
  }

  /**
   * Calls the listeners, in the order in which they came. One that throws keeps nobody from the value: its error is thrown to the
   * platform, as that of a handler in the DOM is.
   */
  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as Listener<Events[Name]>)(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
