/**
 * Resolves after the event loop has handled what is waiting: answers to other callers, timers, sockets. Long work on one caller's data
 * awaits it between its parts, so that no other caller waits for the whole of it.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
