import { checkCount, wrongType } from '../check.ts'
import { fifo } from './fifo.ts'
import type { Queue } from './queue.ts'

const owned = new WeakSet<Queue>()

/** The queue that an option means, now taken by one semaphore. Throws if another has it. */
export function own(queue: number | Queue): Queue {
  if (typeof queue === 'number') {
    checkCount('queue', queue, 0, true)
    return fifo(queue)
  }
  if (!isQueue(queue)) throw wrongType('queue', 'a number or a queue such as fifo(100)', queue)
  if (owned.has(queue)) throw new TypeError('queue already belongs to a semaphore; give each its own')
  owned.add(queue)
  return queue
}

function isQueue(queue: Partial<Queue> | null): boolean {
  const methods = [queue?.push, queue?.peek, queue?.remove]
  return typeof queue?.size === 'number' && methods.every((method) => typeof method === 'function')
}
