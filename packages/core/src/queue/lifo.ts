import type { Waiter } from '../waiter.ts'
import { Line, type LineOptions, limitOf } from './line.ts'
import type { Queue } from './queue.ts'

/**
 * Last come, first served: under overload the newest caller is the one still listening. A full
 * queue evicts the oldest waiter to make room for the newcomer.
 *
 * @param options how many may wait, 0 for none, bare or as `limit`. Default Infinity.
 * @throws TypeError or RangeError for a limit that is not a whole number of at least 0.
 */
export function lifo(options: number | LineOptions = {}): Queue {
  return new Lifo(limitOf('lifo', options))
}

class Lifo extends Line {
  get full(): boolean {
    return this.limit === 0
  }

  push(newcomer: Waiter): Waiter | undefined {
    this.list.prepend(newcomer)
    return this.overflow()
  }
}
