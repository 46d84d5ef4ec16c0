import {
  type AcquireRequest,
  adaptive,
  adaptiveLifo,
  aimd,
  all,
  BoundedSemaphore,
  byPriority,
  codel,
  fair,
  fifo,
  gradient2,
  keyed,
  type LimitAlgorithm,
  type Limiter,
  lifo,
  observed,
  partitioned,
  probedLittle,
  type Queue,
  Semaphore,
  vegas,
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

limiterContract('keyed, without a key', (permits, options) => {
  return keyed(() => new BoundedSemaphore(permits, options))
})
limiterContract('keyed, with a key', (permits, options) => {
  return withKey(
    'a key',
    keyed((key) => (key === undefined ? new Semaphore(0) : new BoundedSemaphore(permits, options))),
  )
})
limiterContract('all, of a roomy one and a narrow one', (permits, options) => {
  return all(new Semaphore(1000, { clock: options?.clock }), new BoundedSemaphore(permits, options))
})
limiterContract('all, of a narrow one and a roomy one', (permits, options) => {
  return all(new BoundedSemaphore(permits, options), new Semaphore(1000, { clock: options?.clock }))
})
limiterContract('all, of two alike', (permits, options) => {
  return all(new BoundedSemaphore(permits, options), new BoundedSemaphore(permits, options))
})
limiterContract('all, of one and a key', (permits, options) => {
  return all(
    new Semaphore(permits, options),
    keyed(() => new BoundedSemaphore(permits, options)),
  )
})
const told = (): void => {}
limiterContract('observed', (permits, options) => {
  const observer = { admitted: told, queued: told, rejected: told, released: told }
  return observed(new BoundedSemaphore(permits, options), observer)
})
limiterContract('observed, with one method', (permits, options) => {
  return observed(new BoundedSemaphore(permits, options), { queued: told })
})

// The limit stays where it starts: the contract counts permits.
const steady: () => LimitAlgorithm = () => ({ start: (limit) => limit, update: ({ limit }) => limit })
const algorithms = { steady, probedLittle, gradient2, vegas }
for (const [name, algorithm] of Object.entries(algorithms)) {
  limiterContract(`adaptive BoundedSemaphore with ${name}`, (permits, options) =>
    adaptive(new BoundedSemaphore(permits, options), algorithm()),
  )
}
limiterContract('adaptive BoundedSemaphore with aimd', (permits, options) =>
  adaptive(new BoundedSemaphore(permits, options), aimd({ max: permits })),
)

/** For a queue that serves two who come one after the other in that order, as long as nothing is amiss. */
function queueContract(name: string, make: (options?: { limit: number }) => Queue): void {
  limiterContract(`BoundedSemaphore with ${name}`, (permits, options) => {
    const queue =
      typeof options?.queue === 'number' ? make({ limit: options.queue }) : (options?.queue ?? make())
    return new BoundedSemaphore(permits, { ...options, queue })
  })
}

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
