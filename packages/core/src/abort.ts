import type { Waiter } from './waiter.ts'

type Leave = (waiter: Waiter, reason: unknown) => void

// One listener a signal, however many wait on it: adding a listener is linear in those already
// there, and Node warns of a leak from the eleventh.
const watched = new WeakMap<AbortSignal, Map<Waiter, Leave>>()

/** Calls `leave` with the waiter and the signal's reason when its signal aborts. */
export function watchAbort(waiter: Waiter, leave: Leave): void {
  const { signal } = waiter
  if (signal === undefined) return
  let waiters = watched.get(signal)
  if (waiters === undefined) {
    waiters = new Map()
    watched.set(signal, waiters)
    signal.addEventListener('abort', onAbort)
  }
  waiters.set(waiter, leave)
}

/** Does nothing for a waiter without a signal. */
export function unwatchAbort(waiter: Waiter): void {
  const { signal } = waiter
  if (signal === undefined) return
  const waiters = watched.get(signal)
  if (waiters?.delete(waiter) && waiters.size === 0) {
    watched.delete(signal)
    signal.removeEventListener('abort', onAbort)
  }
}

function onAbort(event: Event): void {
  // Not currentTarget: Node 20 to 24 set it to null for all but the first listener of a signal.
  const signal = event.target as AbortSignal
  const waiters = watched.get(signal)
  if (waiters === undefined) return
  // Each leaves the map as it goes, which iteration allows.
  for (const [waiter, leave] of waiters) leave(waiter, signal.reason)
}
