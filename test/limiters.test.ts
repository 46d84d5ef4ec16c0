import {
  adaptiveLifo,
  BoundedSemaphore,
  byPriority,
  codel,
  fair,
  fifo,
  lifo,
  partitioned,
  type Queue,
  Semaphore,
} from '@lineclear/core'
import { limiterContract } from './limiter-contract.ts'

limiterContract('Semaphore', (permits, options) => new Semaphore(permits, options))
limiterContract('BoundedSemaphore', (permits, options) => new BoundedSemaphore(permits, options))
queueContract('fifo()', fifo)
queueContract('codel()', codel)
queueContract('adaptiveLifo()', adaptiveLifo)
queueContract('byPriority()', byPriority)
queueContract('fair()', fair)
// Where the contract asks for no queue, the order is open, so lifo has to do as well.
limiterContract('BoundedSemaphore with lifo()', (permits, options) => {
  return new BoundedSemaphore(permits, { queue: lifo(), ...options })
})
limiterContract('partitioned', (limit, { queue, ...options } = {}) => {
  return partitioned({ limit, shares: { gold: 1 }, ...options, queue: queue as number | undefined })
})

/** For a queue that serves two who come one after the other in that order, as long as nothing is amiss. */
function queueContract(name: string, make: (options?: { limit: number }) => Queue): void {
  limiterContract(`BoundedSemaphore with ${name}`, (permits, options) => {
    const queue =
      typeof options?.queue === 'number' ? make({ limit: options.queue }) : (options?.queue ?? make())
    return new BoundedSemaphore(permits, { ...options, queue })
  })
}
