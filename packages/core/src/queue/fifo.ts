import type { Waiter } from '../waiter.ts'
import { Line } from './line.ts'
import type { Queue } from './queue.ts'

/**
 * First come, first served. A full queue refuses the newcomer.
 *
 * @param limit how many may wait; 0 for none. Default Infinity.
 * @throws TypeError or RangeError for a limit that is not a whole number of at least 0.
 */
export function fifo(limit: number = Infinity): Queue {
  return new Fifo('fifo', limit)
}

class Fifo extends Line {
  get full(): boolean {
    return this.size >= this.limit
  }

  push(newcomer: Waiter): Waiter | undefined {
    this.list.append(newcomer)
    return this.overflow()
  }
}
