import {
  adaptive,
  adaptiveLifo,
  aimd,
  BoundedSemaphore,
  byPriority,
  type Clock,
  codel,
  fair,
  fifo,
  gradient2,
  type Limiter,
  lifo,
  probedLittle,
  type Queue,
  vegas,
} from '@lineclear/core'
import type { MakeLimiter } from '../candidate.ts'
import { noLimit } from '../no-limit.ts'
import type { Field } from './field.ts'

/** A queue of each kind, from the rest of its object. To let the files use another one takes one line. */
const QUEUES: Readonly<Record<string, (options: Record<string, unknown>) => Queue>> = {
  fifo: (options) => fifo(options),
  lifo: (options) => lifo(options),
  codel: (options) => codel(options),
  adaptiveLifo: (options) => adaptiveLifo(options),
  byPriority: (options) => byPriority(options),
  fair: (options) => fair(options),
}

/** What moves the limit of a semaphore. A new one takes one line here too. */
const ADAPTIVE: Readonly<Record<string, (semaphore: BoundedSemaphore) => Limiter>> = {
  probedLittle: (semaphore) => adaptive(semaphore, probedLittle()),
  gradient2: (semaphore) => adaptive(semaphore, gradient2()),
  vegas: (semaphore) => adaptive(semaphore, vegas()),
  aimd: (semaphore) => adaptive(semaphore, aimd()),
}

/** A limiter to try, and what to call it. */
export interface NamedLimiter {
  readonly name: string
  readonly makeLimiter: MakeLimiter
}

/** As `limit()` of the adapters: without more, the queue is `adaptiveLifo()`, with the time-out it says. */
export function readCandidate(field: Field): NamedLimiter {
  field.only('name', 'limiter', 'permits', 'queue', 'queueTimeout', 'adaptive')
  const named = field.get('name').maybe((f) => f.text())
  if (field.get('limiter').given) {
    field.get('limiter').one('none')
    field.only('name', 'limiter')
    return { name: named ?? 'no limit', makeLimiter: noLimit }
  }
  // A semaphore may have none, as a pause, but here it would never end.
  const permits = field.get('permits').count(1)
  const timeout = field.get('queueTimeout').maybe((f) => f.number())
  const algorithm = field.get('adaptive').maybe((f) => f.one(...Object.keys(ADAPTIVE)))
  const makeLimiter: MakeLimiter = ({ clock }) => {
    const queue = readQueue(field.get('queue'))
    const longest = timeout ?? (queue.timeout === undefined ? 5000 : undefined)
    const semaphore = new BoundedSemaphore(permits, { queue, timeout: longest, clock })
    return algorithm === undefined ? semaphore : (ADAPTIVE[algorithm]?.(semaphore) ?? semaphore)
  }
  // Once now, so that what is wrong shows before anything runs.
  field.make(() => makeLimiter({ clock: NO_TIME, random: undefined as never }))
  return { name: named ?? describe(field), makeLimiter }
}

const NO_TIME: Clock = { now: () => 0, setTimer: () => () => {} }

export function readQueue(field: Field): Queue {
  if (!field.given) return adaptiveLifo()
  if (typeof field.value === 'number') return field.make(() => fifo({ limit: field.number() }))
  if (!field.isObject) throw field.wrong('a number or an object such as { "kind": "lifo", "limit": 100 }')
  const kind = field.get('kind').one(...Object.keys(QUEUES))
  return field.make(() => (QUEUES[kind] as (typeof QUEUES)[string])(field.without('kind')))
}

/** A name for a candidate that has none: what it is made of. */
function describe(field: Field): string {
  const parts = [`${String(field.get('permits').value)} permits`]
  const { value: queue } = field.get('queue')
  if (typeof queue === 'number') parts.push(`fifo ${queue}`)
  else if (queue !== undefined) parts.push(Object.values(queue as object).join(' '))
  const { value: timeout } = field.get('queueTimeout')
  if (timeout !== undefined) parts.push(`${String(timeout)} ms`)
  const { value: algorithm } = field.get('adaptive')
  if (algorithm !== undefined) parts.push(String(algorithm))
  return parts.join(', ')
}
