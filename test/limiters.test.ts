import { BoundedSemaphore, fifo, lifo, Semaphore } from '@lineclear/core'
import { limiterContract } from './limiter-contract.ts'

limiterContract('Semaphore', (permits, options) => new Semaphore(permits, options))
limiterContract('BoundedSemaphore', (permits, options) => new BoundedSemaphore(permits, options))
limiterContract('BoundedSemaphore with fifo()', (permits, options) => {
  const queue = typeof options?.queue === 'number' ? fifo(options.queue) : (options?.queue ?? fifo())
  return new BoundedSemaphore(permits, { ...options, queue })
})
// Where the contract asks for no queue, the order is open, so lifo has to do as well.
limiterContract('BoundedSemaphore with lifo()', (permits, options) => {
  return new BoundedSemaphore(permits, { queue: lifo(), ...options })
})
