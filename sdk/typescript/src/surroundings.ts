/** What a page hears of the world around it: a network that came back, a tab that is looked at again. */

/** Calls `woke` when a connection may have died or may now be had, until the function that this returns is called. */
export function listen(woke: () => void): () => void {
  // Node has neither.
  if (typeof window === 'undefined' || typeof document === 'undefined') return () => {};
  const seen = (): void => {
    if (document.visibilityState === 'visible') woke();
  };
  window.addEventListener('online', woke);
  window.addEventListener('offline', woke);
  document.addEventListener('visibilitychange', seen);
  return () => {
    window.removeEventListener('online', woke);
    window.removeEventListener('offline', woke);
    document.removeEventListener('visibilitychange', seen);
  };
}

/** The WebSocket of the platform, if it has one: browsers and Node 22 do, Node 20 does not. */
export function platformWebSocket(): typeof WebSocket | undefined {
  return (globalThis as { WebSocket?: typeof WebSocket }).WebSocket;
}
