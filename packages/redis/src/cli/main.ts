import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type FleetStats, free, inspect, resize } from '../inspect.ts'
import type { Port } from '../port.ts'
import { bucketCount, bucketOf, tagOf } from '../tag.ts'
import { connect, within } from './connect.ts'

const USAGE = `lineclear-redis: look at a limit on Redis or Valkey, and change it

  lineclear-redis inspect <name>               the limit, what is in use, who waits, each process
  lineclear-redis limit <name> <permits>       set the limit, for all processes
  lineclear-redis drain <name>                 set the limit to 0 and wait until nothing is in use;
                                               "limit" opens it again
  lineclear-redis free <name> <instance>       take back the permits of a process, as if its lease had
                                               ended; "inspect" lists the instances

  --url <url>              default redis://127.0.0.1:6379, or the variable REDIS_URL
  --cluster                the server is a cluster
  --namespace <text>       as the limiter has it; default lineclear
  --key <text>             of a limiter with perKey: which key; "" for those without a key
  --json                   inspect: as JSON
  --timeout <seconds>      drain: how long to wait; default 60
  --help                   this text
`

/** How often drain looks, in ms. */
const DRAIN_EVERY = 200

/**
 * What the command does. Resolves to its exit status: 0; 1 where it could not be done; 2 for wrong usage.
 * What went wrong goes to `complain`.
 */
export async function main(
  args: readonly string[],
  print: (text: string) => void,
  complain: (text: string) => void,
): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        url: { type: 'string' },
        cluster: { type: 'boolean' },
        namespace: { type: 'string' },
        key: { type: 'string' },
        json: { type: 'boolean' },
        timeout: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) {
      print(USAGE)
      return 0
    }
    const [command, name, argument] = positionals
    const wanted = command === undefined ? undefined : ARGUMENTS[command]
    if (positionals.length !== wanted || name === undefined) throw new UsageError(USAGE)
    if (values.json === true && command !== 'inspect') throw new UsageError('--json is for inspect')
    if (values.timeout !== undefined && command !== 'drain') throw new UsageError('--timeout is for drain')
    const limit = command === 'limit' ? whole('permits', argument) : 0
    const timeout = 1000 * whole('--timeout', values.timeout ?? '60')
    const url = values.url ?? process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
    const connection = await connect(url, values.cluster === true)
    try {
      const { port } = connection
      const named = { namespace: values.namespace ?? 'lineclear', name, perKey: values.key !== undefined }
      const key = values.key ?? ''
      const buckets = bucketCount(named, port.isCluster)
      const tag = tagOf(named, bucketOf(key, buckets))
      if (command === 'free') {
        const tags = Array.from({ length: buckets }, (_, bucket) => tagOf(named, bucket))
        await release(port, tags, name, argument as string)
        print(`${argument} has no permits of ${name} any more`)
        return 0
      }
      if (command === 'limit') await set(port, tag, key, limit)
      else if (command === 'drain') await drain(port, tag, key, timeout, print)
      const stats = await look(port, tag, key)
      print(values.json === true ? JSON.stringify(stats, null, 2) : describe(name, stats))
      return 0
    } finally {
      connection.close()
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const message = error.message || String((error as { code?: unknown }).code ?? error)
    complain(message === USAGE ? USAGE : `lineclear-redis: ${message}`)
    return error instanceof UsageError || isParseError(error) ? 2 : 1
  }
}

const ARGUMENTS: Readonly<Record<string, number>> = { inspect: 2, limit: 3, drain: 2, free: 3 }

class UsageError extends Error {}

async function look(port: Port, tag: string, key: string): Promise<FleetStats> {
  const stats = await within(inspect(port, tag, key))
  if (stats === undefined) throw unused(tag, key)
  return stats
}

async function set(port: Port, tag: string, key: string, limit: number): Promise<void> {
  if (!(await within(resize(port, tag, key, limit)))) throw unused(tag, key)
}

/** In whichever buckets it is. */
async function release(port: Port, tags: string[], name: string, instance: string): Promise<void> {
  const freed = await within(Promise.all(tags.map((tag) => free(port, tag, instance))))
  if (!freed.includes(true)) throw new Error(`there is no instance ${instance} of ${name}`)
}

function unused(tag: string, key: string): Error {
  return new Error(`nobody has used ${tag}${key && ` with the key ${key}`}`)
}

async function drain(
  port: Port,
  tag: string,
  key: string,
  timeout: number,
  print: (text: string) => void,
): Promise<void> {
  const { limit } = await look(port, tag, key)
  await set(port, tag, key, 0)
  print(`the limit was ${limit}`)
  const until = performance.now() + timeout
  for (let left = await look(port, tag, key); left.inUse > 0; left = await look(port, tag, key)) {
    if (performance.now() >= until) throw new Error(`${left.inUse} are still in use; the limit stays 0`)
    await sleep(DRAIN_EVERY)
  }
}

function describe(name: string, stats: FleetStats): string {
  const { limit, queue, inUse, waiting, learning, instances } = stats
  const lines = [`${name}: ${inUse} of ${limit} in use, ${waiting} waiting (at most ${queue})`]
  if (learning > 0) lines.push(`nothing is granted for another ${(learning / 1000).toFixed(1)} s`)
  const width = Math.max(...instances.map(({ instance }) => instance.length), 8)
  if (instances.length > 0) lines.push('', `${'instance'.padEnd(width)}  in use  waiting  lease left`)
  for (const { instance, inUse, waiting, leaseLeft } of instances) {
    const cells = [
      String(inUse).padStart(6),
      String(waiting).padStart(7),
      `${(leaseLeft / 1000).toFixed(1)} s`.padStart(10),
    ]
    lines.push(`${instance.padEnd(width)}  ${cells.join('  ')}`)
  }
  return lines.join('\n')
}

function whole(name: string, text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new UsageError(`${name} must be a whole number of at least 0; received ${text}`)
  }
  return Number(text)
}

function isParseError(error: Error): boolean {
  return String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')
}
