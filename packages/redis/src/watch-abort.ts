type Leave = (reason: unknown) => void

// One listener a signal, however many wait on it: adding a listener is linear in those already there, and
// Node warns of a leak from the eleventh.
const watched = new WeakMap<AbortSignal, Set<Leave>>()

/** Calls `leave` with the signal's reason when it aborts. Returns a function that stops it. */
export function watchAbort(signal: AbortSignal, leave: Leave): () => void {
  let leaves = watched.get(signal)
  if (leaves === undefined) {
    leaves = new Set()
    watched.set(signal, leaves)
    signal.addEventListener('abort', onAbort)
  }
  const others = leaves
  // A function of its own, since the same may be given twice.
  const one: Leave = (reason) => leave(reason)
  others.add(one)
  return () => {
    others.delete(one)
    if (others.size > 0 || watched.get(signal) !== others) return
    watched.delete(signal)
    signal.removeEventListener('abort', onAbort)
  }
}

function onAbort(event: Event): void {
  // Not currentTarget: Node 20 to 24 set it to null for all but the first listener of a signal.
  const signal = event.target as AbortSignal
  // Each leaves the set as it goes, which iteration allows.
  for (const leave of watched.get(signal) ?? []) leave(signal.reason)
}
