import { checkCount, checkDuration, checkNumber, checkOptions, wrongType } from '@lineclear/core/check'

/** What becomes of requests while Redis does not answer. */
export type Degraded = 'local' | 'closed' | 'open'

export interface RedisLimiterOptions {
  /** Whoever gives the same name, in the same namespace of the same Redis, shares one limit. */
  name: string
  /** How many permits there are, over all processes; with `perKey`, of each key. 0 is a pause. */
  limit: number
  /** How many may wait, over all processes; with `perKey`, for each key. Default: ten times `limit`, at least 100. */
  queue?: number | undefined
  /** The longest wait in ms where a request does not say. Default: for ever; in an adapter, its own default. */
  timeout?: number | undefined
  /** A limit for each `key` of a request, and one for all requests without a key. Default false. */
  perKey?: boolean | undefined
  /**
   * In ms: how long Redis hears nothing of a process before its permits go to others. A process that pauses
   * for longer, its event loop too, may hold permits that others hold by then. At least 500. Default 10,000.
   */
  lease?: number | undefined
  /**
   * `strict`: each permit comes from Redis, first come, first served over all processes. `local-first`: a
   * process keeps the permits that come back to it for its own next requests, as long as no other process
   * wants them, and gives them back when they have been idle for 50 ms. Default `strict`.
   */
  mode?: 'strict' | 'local-first' | undefined
  /**
   * What becomes of requests while Redis does not answer: each process hands out its share of the limit
   * (`local`; what is heavier than that is rejected with the reason `closed`), nothing (`closed`: all are so
   * rejected), or as many as are asked for (`open`).
   * Default `local`.
   */
  degraded?: Degraded | undefined
  /**
   * How many permits this process may have in use by itself while Redis does not answer; with `perKey`, of
   * each key. Default: `limit` by the number of processes seen last, rounded down; one that has never reached
   * Redis takes itself for the only one.
   */
  localLimit?: number | undefined
  /** How long an answer of Redis may take, in ms, before it counts as unreachable. Default: a sixth of `lease`, at most 1000. */
  answerWithin?: number | undefined
  /** What all keys in Redis and all channels begin with. Default `lineclear`. */
  namespace?: string | undefined
  /** Called when a lease has ended with permits in use: others may be given them. Their signals abort. */
  onLost?: ((event: { permits: number }) => void) | undefined
  /** Called when Redis does not answer, with why, as far as it is known. Default: a warning on the console. */
  onDegraded?: ((event: { error: unknown }) => void) | undefined
  /** Called when Redis answers again. Default: a warning, if there was one when it did not. */
  onRecovered?: (() => void) | undefined
  /**
   * Called when another process has set another limit or queue, which then holds here too; with `perKey` for
   * the first key where it is so. Default: a warning on the console.
   */
  onDisagreement?: ((event: Disagreement) => void) | undefined
}

/** What this process asked for, and what holds. */
export interface Disagreement {
  name: string
  /** With `perKey`, of which key; else empty. */
  key: string
  asked: { limit: number; queue: number }
  holds: { limit: number; queue: number }
}

const KNOWN = [
  'name',
  'limit',
  'queue',
  'timeout',
  'perKey',
  'lease',
  'mode',
  'degraded',
  'localLimit',
  'answerWithin',
  'namespace',
  'onLost',
  'onDegraded',
  'onRecovered',
  'onDisagreement',
] as const satisfies readonly (keyof RedisLimiterOptions)[]

const LEAST_LEASE = 500
const LONGEST_LEASE = 24 * 60 * 60 * 1000

/** The options, with a value for all that have a default. */
export type Settings = {
  [Option in Defaulted]-?: Exclude<RedisLimiterOptions[Option], undefined>
} & Omit<RedisLimiterOptions, Defaulted>

type Defaulted =
  | 'name'
  | 'limit'
  | 'queue'
  | 'perKey'
  | 'lease'
  | 'mode'
  | 'degraded'
  | 'answerWithin'
  | 'namespace'

/** The options with their defaults. @throws TypeError or RangeError that names the option. */
export function settingsOf(options: RedisLimiterOptions): Settings {
  checkOptions('options', options, KNOWN)
  const { name, limit, timeout, perKey = false, lease = 10_000, mode = 'strict' } = options
  const { degraded = 'local', localLimit, namespace = 'lineclear' } = options
  checkName('name', name, '{}|')
  checkName('namespace', namespace, '{}:')
  checkCount('limit', limit)
  const { queue = Math.max(100, Math.min(10 * limit, Number.MAX_SAFE_INTEGER)) } = options
  checkCount('queue', queue, 0, true)
  if (timeout !== undefined) checkDuration('timeout', timeout)
  checkNumber('lease', lease, LEAST_LEASE, LONGEST_LEASE)
  const { answerWithin = Math.min(1000, lease / 6) } = options
  checkNumber('answerWithin', answerWithin, 1, lease / 2)
  if (typeof perKey !== 'boolean') throw wrongType('perKey', 'true or false', perKey)
  oneOf('mode', mode, ['strict', 'local-first'])
  oneOf('degraded', degraded, ['local', 'closed', 'open'])
  if (localLimit !== undefined) checkCount('localLimit', localLimit)
  for (const event of ['onLost', 'onDegraded', 'onRecovered', 'onDisagreement'] as const) {
    const listener: unknown = options[event]
    if (listener !== undefined && typeof listener !== 'function')
      throw wrongType(event, 'a function', listener)
  }
  return {
    ...options,
    ...{ name, limit, queue, perKey, lease, mode, degraded, localLimit, answerWithin, namespace },
  }
}

/** It stands between braces, as the hash tag. */
function checkName(option: string, name: unknown, without: string): void {
  if (typeof name !== 'string') throw wrongType(option, 'a string', name)
  if (name === '' || /\s/.test(name) || [...without].some((character) => name.includes(character))) {
    throw new RangeError(
      `${option} must be text without spaces and any of ${without}; received ${JSON.stringify(name)}`,
    )
  }
}

function oneOf(option: string, value: unknown, values: readonly string[]): void {
  if (values.includes(value as string)) return
  const names = values.map((name) => JSON.stringify(name))
  throw wrongType(option, `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`, value)
}
