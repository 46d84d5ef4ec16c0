/** A leak of one small object for each request is more than this. */
const BYTES_PER_REQUEST = 40

/** Whether memory grows with the requests served. */
export class Heap {
  readonly #measured: { requests: number; bytes: number }[] = []

  measure(requests: number): void {
    global.gc?.()
    this.#measured.push({ requests, bytes: process.memoryUsage().heapUsed })
  }

  /** Bytes a request, from the median of an early third to that of the last third. */
  get growth(): number {
    // What is compiled and cached comes in the first rounds.
    const size = Math.floor(this.#measured.length / 3)
    if (size === 0) return 0
    const [early, late] = [this.#measured.slice(-2 * size, -size), this.#measured.slice(-size)]
    const between = median(late, 'requests') - median(early, 'requests')
    return (median(late, 'bytes') - median(early, 'bytes')) / between
  }

  /** @throws Error if it does. */
  check(seed: number): void {
    if (this.growth > BYTES_PER_REQUEST) throw new Error(`Memory grows, seed ${seed}: ${this}`)
  }

  toString(): string {
    const megabytes = this.#measured.map(({ bytes }) => (bytes / 2 ** 20).toFixed(1))
    return `heap ${megabytes.join(' ')} MB, ${this.growth.toFixed(1)} bytes a request`
  }
}

function median<Key extends string>(list: Record<Key, number>[], key: Key): number {
  const sorted = list.map((item) => item[key]).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] as number
}
