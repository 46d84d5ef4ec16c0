import {
  adaptive,
  adaptiveLifo,
  aimd,
  BoundedSemaphore,
  codel,
  fifo,
  gradient2,
  type LimitAlgorithm,
  lifo,
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
// Where the contract asks for no queue, the order is open, so lifo has to do as well.
limiterContract('BoundedSemaphore with lifo()', (permits, options) => {
  return new BoundedSemaphore(permits, { queue: lifo(), ...options })
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
