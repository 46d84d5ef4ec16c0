import type { Port } from './port.ts'
import { scriptOf } from './run-script.ts'
import { endless, WireError } from './wire.ts'

/** What Redis knows of a limit, over all processes. */
export interface FleetStats {
  /** How many permits there are. */
  limit: number
  /** How many may wait. */
  queue: number
  /**
   * How many permits are in use, or kept idle (`local-first`); those of a process that is gone, until its
   * lease has ended.
   */
  inUse: number
  waiting: number
  /** For how many ms nothing is granted yet, since Redis has lost its data or has just been started. */
  learning: number
  /** Each process that has the limiter, by the name that it gave itself: host, process id, and a random part. */
  instances: InstanceStats[]
}

export interface InstanceStats {
  instance: string
  inUse: number
  waiting: number
  /** In ms, until its permits go to others unless it is heard of again. */
  leaseLeft: number
}

const INSPECT = scriptOf(`
local meta, leases, counters = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local saved = redis.call('HMGET', meta, 'lu', 't', 'off')
local now = math.max(time[1] * 1000 + math.floor(time[2] / 1000) + (saved[3] or 0), tonumber(saved[2] or 0))
return { string.format('%.0f', now), saved[1] or '0', redis.call('ZRANGE', leases, 0, -1, 'WITHSCORES'),
  redis.call('HGETALL', counters) }
`)

const RESIZE = scriptOf(`
if redis.call('HEXISTS', KEYS[1], 'lim') == 0 then return 0 end
redis.call('HSET', KEYS[1], 'lim', ARGV[1])
return redis.call('HINCRBY', KEYS[1], 'cv', 1)
`)

const FREE = scriptOf(`
local freed = 0
for _, each in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if string.match(each, '^(.*)%.') == ARGV[1] then
    redis.call('ZREM', KEYS[2], each)
    redis.call('HDEL', KEYS[1], 'i:' .. each)
    redis.call('HINCRBY', KEYS[1], 'rg', 1)
    freed = freed + 1
  end
end
return freed
`)

/** Reads what Redis knows of one key, and changes nothing. Undefined if nobody has used it. */
export async function inspect(port: Port, tag: string, key: string): Promise<FleetStats | undefined> {
  const keys = [`${tag}:m`, `${tag}:e`, `${tag}:s:${key}`]
  const reply = await port.run(INSPECT, keys, [])
  if (!Array.isArray(reply) || reply.length !== 4) throw new WireError('Not an answer to what was asked')
  const [now, learnUntil, leases, fields] = reply as [string, string, string[], string[]]
  const counters = new Map(pairs(fields))
  if (!counters.has('lim')) return undefined
  const instances: InstanceStats[] = []
  for (const [incarnation, end] of pairs(leases)) {
    const leaseLeft = Number(end) - Number(now)
    // Redis takes back what it has only with the next request for the key, and there may be none.
    if (leaseLeft <= 0) continue
    const [granted = 0, returned = 0, , , , waiting = 0] =
      counters.get(`c:${incarnation}`)?.split(' ').map(Number) ?? []
    const instance = incarnation.replace(/\.\d+$/, '')
    instances.push({ instance, inUse: granted - returned, waiting, leaseLeft })
  }
  return {
    limit: endless(Number(counters.get('lim'))),
    queue: endless(Number(counters.get('cap'))),
    inUse: instances.reduce((sum, { inUse }) => sum + inUse, 0),
    waiting: instances.reduce((sum, { waiting }) => sum + waiting, 0),
    learning: Math.max(0, Number(learnUntil) - Number(now)),
    instances,
  }
}

/** Sets the limit for all processes, which hear of it with their next request. False if nobody has used it. */
export async function resize(port: Port, tag: string, key: string, limit: number): Promise<boolean> {
  return Number(await port.run(RESIZE, [`${tag}:s:${key}`], [String(limit)])) > 0
}

/**
 * Takes the permits of an instance back, as if its lease had ended. One that lives hears that they are lost,
 * and reports what it still holds. False if there is no such instance.
 */
export async function free(port: Port, tag: string, instance: string): Promise<boolean> {
  return Number(await port.run(FREE, [`${tag}:m`, `${tag}:e`], [instance])) > 0
}

function pairs(flat: readonly string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i] as string, flat[2 * i + 1] as string])
}
