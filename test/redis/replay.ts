import { deepStrictEqual } from 'node:assert'
import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { syncScript } from '../../packages/redis/src/script.ts'
import { decodePush, decodeReply, encode, type Push } from '../../packages/redis/src/wire.ts'
import type { Deed } from './explorer.ts'

const TAG = '{lineclear-replay}'

/** The script with the clock and the uptime that its last two arguments say, in place of the server's. */
function scriptOnClock(text: string = syncScript().text): { text: string; sha: string } {
  let changed = replaceOnce(
    text,
    "redis.call('TIME')",
    '{ string.sub(ARGV[#ARGV], 1, -7), string.sub(ARGV[#ARGV], -6) }',
  )
  changed = replaceOnce(changed, "redis.pcall('INFO', 'server')", "'uptime_in_seconds:' .. ARGV[#ARGV - 1]")
  return { text: changed, sha: createHash('sha1').update(changed).digest('hex') }
}

export function replaceOnce(text: string, part: string, becomes: string): string {
  const parts = text.split(part)
  if (parts.length !== 2) throw new Error(`occurs ${parts.length - 1} times: ${part}`)
  return parts.join(becomes)
}

/** Does to a real server what was done to the model. Throws where it answers otherwise. */
export async function replay(
  redis: Redis,
  hearer: Redis,
  deeds: readonly Deed[],
  text?: string,
): Promise<number> {
  const script = scriptOnClock(text)
  await redis.flushall()
  await redis.script('LOAD', script.text)
  const heard: Push[] = []
  const onMessage = (_pattern: string, _channel: string, message: string): void => {
    heard.push(decodePush(message))
  }
  hearer.on('pmessage', onMessage)
  await hearer.psubscribe(`${TAG}:p:*`)
  const snapshots = new Map<number, [string, Buffer][]>()
  const expected: Push[] = []
  let syncs = 0
  try {
    for (const deed of deeds) {
      if (deed.kind === 'empty') await redis.flushall()
      else if (deed.kind === 'snapshot') snapshots.set(deed.name, await dump(redis))
      else if (deed.kind === 'restore') await restore(redis, snapshots.get(deed.name) ?? [])
      else {
        syncs++
        const { keys, args } = encode(TAG, deed.request)
        const clock = [String(deed.uptime / 1000), `${deed.clock}000`]
        const raw = await redis.evalsha(script.sha, keys.length, ...keys, ...args, ...clock)
        deepStrictEqual(decodeReply(raw, deed.request.keys.length), deed.reply)
        expected.push(...deed.pushes)
      }
    }
    // What was published before this has been heard when it has.
    await hearer.ping()
    deepStrictEqual(inOrder(heard), inOrder(expected))
  } finally {
    hearer.off('pmessage', onMessage)
  }
  return syncs
}

function inOrder(pushes: Push[]): string[] {
  return pushes.map((push) => JSON.stringify(push, Object.keys(push).sort())).sort()
}

async function dump(redis: Redis): Promise<[string, Buffer][]> {
  const entries: [string, Buffer][] = []
  for (const key of await redis.keys('*')) {
    const value = await redis.dumpBuffer(key)
    if (value !== null) entries.push([key, value])
  }
  return entries
}

async function restore(redis: Redis, entries: [string, Buffer][]): Promise<void> {
  await redis.flushall()
  for (const [key, value] of entries) await redis.restore(key, 0, value)
}
