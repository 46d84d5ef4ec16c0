import {
  type AcquireRequest,
  BoundedSemaphore,
  fifo,
  keyed,
  type Limiter,
  lifo,
  Semaphore,
} from '@lineclear/core'
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

limiterContract('keyed, without a key', (permits, options) => {
  return keyed(() => new BoundedSemaphore(permits, options))
})
limiterContract('keyed, with a key', (permits, options) => {
  return withKey(
    'a key',
    keyed((key) => (key === undefined ? new Semaphore(0) : new BoundedSemaphore(permits, options))),
  )
})
/** Asks for a key where the contract asks for none. */
function withKey(key: string, limiter: Limiter): Limiter {
  const add = (request?: AcquireRequest): AcquireRequest | undefined => {
    if (request === undefined) return { key }
    const isPlain = request !== null && Object.getPrototypeOf(request) === Object.prototype
    return isPlain ? { ...request, key: request.key === undefined ? key : request.key } : request
  }
  return {
    tryAcquire: (request) => limiter.tryAcquire(add(request)),
    acquire: (request) => limiter.acquire(add(request)),
  }
}
