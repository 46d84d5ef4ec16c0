/** Resumed requests per turn of the event loop; ten thousand in one turn would stop it for 0.1 s. */
const PER_TURN = 32

const line: (() => void)[] = []
let left = PER_TURN
let scheduled = false

/**
 * When a request that waited may go on: now (`undefined`), or in a later turn of the event loop if
 * this one has resumed enough. Nobody overtakes. Without `setImmediate`, always now.
 */
export function turn(): Promise<void> | undefined {
  if (typeof setImmediate !== 'function') return undefined
  if (!scheduled) schedule()
  if (left > 0 && line.length === 0) {
    left--
    return undefined
  }
  return new Promise((resolve) => line.push(resolve))
}

function schedule(): void {
  scheduled = true
  setImmediate(() => {
    const resumed = line.splice(0, PER_TURN)
    left = PER_TURN - resumed.length
    scheduled = false
    if (line.length > 0) schedule()
    for (const resume of resumed) resume()
  })
}
