// A process of the crowd: its contenders acquire, keep and release permits, and it writes down when. It is made
// into one file by member.ts, and ends with the process that started it.
import { openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { RejectedError } from '@lineclear/core'
import { type RedisClient, type RedisLimiterOptions, redisLimiter } from '@lineclear/redis'
import { Cluster, Redis } from 'ioredis'
import { createClient } from 'redis'
import type { Order, Plan } from './plan.ts'

const plan: Plan = JSON.parse(process.argv[2] as string)
const file = openSync(plan.log, 'a')

/** At once, so that it is there even if the process is killed the next moment. */
function write(...fields: readonly unknown[]): void {
  writeSync(file, `${fields.join(' ')}\n`)
}

/** The same clock in all processes of a machine. */
function now(): bigint {
  return process.hrtime.bigint()
}

const { client, end } = await connect()
const options: RedisLimiterOptions = {
  ...plan.limiter,
  onLost: ({ permits }) => write('event', now(), 'lost', permits),
  onDegraded: () => write('event', now(), 'degraded', 0),
  onRecovered: () => write('event', now(), 'recovered', 0),
  onDisagreement: ({ holds }) => write('event', now(), 'disagreement', holds.limit),
}
const limiter = redisLimiter(client, options)
const leaving = new AbortController()
let stays = 0
let begin = (): void => {}
const begun = new Promise<void>((resolve) => {
  begin = resolve
})

process.on('message', (order: Order) => {
  if (order.kind === 'resize') limiter.resize(order.limit)
  if (order.kind === 'leave') leaving.abort()
  begin()
})
process.on('disconnect', () => process.exit())

write('event', now(), 'ready', 0)
if (plan.waits) await begun
await Promise.all(Array.from({ length: plan.contenders }, (_, index) => contend(index)))
await limiter.close()
write('event', now(), 'closed', 0)
await end()
process.exit()

async function contend(index: number): Promise<void> {
  const weight = plan.weights[index % plan.weights.length] ?? 1
  const key = plan.keys[index % plan.keys.length] ?? ''
  while (!leaving.signal.aborted) {
    const asked = now()
    try {
      const permit = await limiter.acquire({ weight, key, signal: leaving.signal })
      const id = ++stays
      write('enter', now(), id, asked, weight, permit.fence ?? '-', key)
      const why = await stay(permit.signal)
      write('exit', now(), id, why)
      permit.release()
    } catch (error) {
      if (leaving.signal.aborted) return
      if (!(error instanceof RejectedError)) throw error
      write('refused', now(), asked, error.reason)
      await sleep(10)
    }
  }
}

/** Resolves when it is over, with why. */
function stay(signal: AbortSignal): Promise<'done' | 'lost'> {
  return new Promise((resolve) => {
    const over = (why: 'done' | 'lost'): void => {
      clearTimeout(timer)
      leaving.signal.removeEventListener('abort', done)
      resolve(why)
    }
    const done = (): void => over('done')
    const timer = setTimeout(done, plan.hold)
    leaving.signal.addEventListener('abort', done)
    if (!plan.obeys) return
    if (signal.aborted) over('lost')
    else signal.addEventListener('abort', () => over('lost'))
  })
}

async function connect(): Promise<{ client: RedisClient; end(): unknown }> {
  if (typeof plan.redis !== 'number') {
    const cluster = new Cluster([...plan.redis], {
      slotsRefreshInterval: 200,
      clusterRetryStrategy: () => 20,
    })
    cluster.on('error', () => {})
    return { client: cluster, end: () => cluster.disconnect() }
  }
  if (plan.client === 'ioredis') {
    const redis = new Redis({ port: plan.redis, retryStrategy: () => 20 })
    redis.on('error', () => {})
    return { client: redis, end: () => redis.disconnect() }
  }
  const redis = createClient({ socket: { port: plan.redis, reconnectStrategy: 20 } })
  redis.on('error', () => {})
  await redis.connect()
  return { client: redis, end: () => redis.destroy() }
}
