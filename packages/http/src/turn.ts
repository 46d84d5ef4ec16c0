import { onWorkers } from './platform.ts'

/** Resumed requests per turn of the event loop; ten thousand in one turn would stop it for 0.1 s. */
const PER_TURN = 32

// As it is now: a fake one that never calls would hold up every request for good. On Workers one that
// another request has set may never call.
const defer = onWorkers ? undefined : (globalThis.setImmediate as typeof setImmediate | undefined)

const line: (() => void)[] = []
let left = PER_TURN
let scheduled = false

/**
 * When a request that waited may go on: now (`undefined`), or in a later turn of the event loop if
 * this one has resumed enough. Nobody overtakes. Without `setImmediate`, always now.
 */
export function turn(): Promise<void> | undefined {
  if (defer === undefined) return undefined
  if (!scheduled) schedule(defer)
  if (left > 0) {
    left--
    return undefined
  }
  return new Promise((resolve) => line.push(resolve))
}

function schedule(defer: typeof setImmediate): void {
  scheduled = true
  defer(() => {
    const resumed = line.splice(0, PER_TURN)
    left = PER_TURN - resumed.length
    scheduled = false
    if (line.length > 0) schedule(defer)
    for (const resume of resumed) resume()
  })
}
