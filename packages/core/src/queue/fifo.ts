import type { Waiter } from '../waiter.ts'
import { Line, type LineOptions, limitOf } from './line.ts'
import type { Queue } from './queue.ts'

/**
 * First come, first served. A full queue refuses the newcomer.
 *
 * @param options how many may wait, 0 for none, bare or as `limit`. Default Infinity.
 * @throws TypeError or RangeError for a limit that is not a whole number of at least 0.
 */
export function fifo(options: number | LineOptions = {}): Queue {
  return new Fifo(limitOf('fifo', options))
}

export class Fifo extends Line {
  get full(): boolean {
    return this.size >= this.limit
  }

  push(newcomer: Waiter): Waiter | undefined {
    this.list.append(newcomer)
    return this.overflow()
  }
}
