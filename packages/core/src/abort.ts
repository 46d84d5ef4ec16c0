import type { Waiter } from './waiter.ts'

type Leave = (waiter: Waiter, reason: unknown) => void

interface Watch {
  readonly waiter: Waiter
  readonly leave: Leave
}

// One listener a signal, however many wait on it: adding a listener is linear in those already
// there, and Node warns of a leak from the eleventh. Most signals have one waiter, and need no Map.
const watched = new WeakMap<AbortSignal, Watch | Map<Waiter, Leave>>()

/** Calls `leave` with the waiter and the signal's reason when its signal aborts. */
export function watchAbort(waiter: Waiter, leave: Leave): void {
  const { signal } = waiter
  if (signal === undefined) return
  const others = watched.get(signal)
  if (others === undefined) {
    watched.set(signal, { waiter, leave })
    signal.addEventListener('abort', onAbort)
  } else if (others instanceof Map) {
    others.set(waiter, leave)
  } else {
    watched.set(signal, new Map([[others.waiter, others.leave]]).set(waiter, leave))
  }
}

/** Does nothing for a waiter without a signal. */
export function unwatchAbort(waiter: Waiter): void {
  const { signal } = waiter
  if (signal === undefined) return
  const waiters = watched.get(signal)
  if (waiters instanceof Map) {
    waiters.delete(waiter)
    if (waiters.size > 0) return
  } else if (waiters?.waiter !== waiter) return
  watched.delete(signal)
  signal.removeEventListener('abort', onAbort)
}

function onAbort(event: Event): void {
  // Not currentTarget: Node 20 to 24 set it to null for all but the first listener of a signal.
  const signal = event.target as AbortSignal
  const waiters = watched.get(signal)
  if (waiters instanceof Map) {
    // Each leaves the map as it goes, which iteration allows.
    for (const [waiter, leave] of waiters) leave(waiter, signal.reason)
  } else {
    waiters?.leave(waiters.waiter, signal.reason)
  }
}
