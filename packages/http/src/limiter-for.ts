import { adaptiveLifo, BoundedSemaphore, keyed, type Limiter, type Queue } from '@lineclear/core'
import { checkCount, checkLimiter, wrongType } from '@lineclear/core/check'
import { checkLimitOptions, type KeyedLimitOptions, type LimitOptions, type PerKey } from './options.ts'

/**
 * Checks the options of an adapter and returns the limiter they mean: the given one, one of so many
 * permits, or with `key` one for each key.
 *
 * @throws TypeError or RangeError naming the option and the value received.
 */
export function limiterFor<Context extends unknown[], L extends Limiter>(
  options: LimitOptions<Context, L>,
): L {
  checkLimitOptions(options)
  // The types say which options make an L.
  return (options.limiter === undefined ? own(options as LimitOptions<Context>) : given(options)) as L
}

function given<Context extends unknown[]>(options: LimitOptions<Context>): Limiter | undefined {
  const { limiter, permits } = options
  if (permits !== undefined) throw new TypeError('limit takes permits or a limiter, not both')
  for (const name of ['queue', 'maxKeys', 'onMaxKeys'] as const) {
    if (options[name] !== undefined) throw new TypeError(`${name} belongs to the limiter: give it there`)
  }
  checkLimiter('limiter', limiter)
  return limiter
}

function own<Context extends unknown[]>(options: LimitOptions<Context>): BoundedSemaphore | PerKey {
  if (options.permits === undefined) throw new TypeError('limit needs permits or a limiter')
  checkCount('permits', options.permits, 1)
  if (options.key !== undefined) return perKey(options)
  for (const name of ['maxKeys', 'onMaxKeys'] as const) {
    if (options[name] !== undefined) throw new TypeError(`${name} has no effect without key`)
  }
  const { permits, queue = adaptiveLifo() } = options
  return new BoundedSemaphore(permits, { queue })
}

function perKey<Context extends unknown[]>(options: KeyedLimitOptions<Context>): PerKey {
  const { permits, queue = adaptiveLifo, maxKeys, onMaxKeys } = options
  if (typeof queue !== 'number' && typeof queue !== 'function') {
    throw wrongType('queue', 'with key a number, or a function that makes a queue for each', queue)
  }
  const make = (): BoundedSemaphore =>
    new BoundedSemaphore(permits, { queue: typeof queue === 'number' ? queue : madeBy(queue) })
  // One more than `keyed` makes now: a function that makes no new queue is to throw here, not at a request.
  make()
  return keyed(make, { maxKeys, onMaxKeys })
}

function madeBy(make: () => Queue): Queue {
  const queue = make()
  if (typeof queue !== 'object') throw wrongType('what queue returns', 'a queue such as fifo(100)', queue)
  return queue
}
