/** Wants with consecutive sequence numbers and one weight. */
export interface Run {
  readonly first: number
  readonly count: number
  readonly weight: number
}

interface Cancel {
  readonly sequence: number
  readonly weight: number
}

/** What an instance tells of one key. The counters are cumulative, over the life of the incarnation. */
export interface KeyRequest {
  readonly key: string
  /** Weight granted, and weight given back. */
  readonly granted: number
  readonly returned: number
  /** All wants up to this sequence number have been granted or rejected. */
  readonly served: number
  /** How many entries of the rejection log have been read. */
  readonly rejections: number
  /** The highest sequence number the server is known to have, if a want up to it still waits; else 0. */
  readonly acknowledged: number
  /** The highest sequence number sent with this request or before. */
  readonly wanted: number
  readonly limit: number
  readonly capacity: number
  /** Of the limit and capacity: the higher one holds. */
  readonly version: number
  readonly wants: readonly Run[]
  readonly cancels: readonly Cancel[]
}

export interface SyncRequest {
  readonly incarnation: string
  /** Of the message. A new one each time, also when a request is repeated. */
  readonly number: number
  /** Whether the server has confirmed this incarnation. */
  readonly registered: boolean
  readonly epoch: string
  readonly revision: number
  /** The number of the last request that was answered. */
  readonly confirmed: number
  /** The incarnation that this one replaces, until it is confirmed; else empty. */
  readonly previous: string
  /** In ms. */
  readonly lease: number
  readonly keyed: boolean
  readonly local: boolean
  /** The last request: nothing is held any more. */
  readonly bye: boolean
  readonly keys: readonly KeyRequest[]
}

export interface KeyReply {
  readonly granted: number
  readonly served: number
  readonly rejections: number
  /** The rejected runs not yet known to be read: first and last sequence number. */
  readonly log: readonly (readonly [first: number, last: number])[]
  /** The highest sequence number that reached the server. */
  readonly wanted: number
  /** How many of this incarnation's wants are queued. */
  readonly queued: number
  /** The server has forgotten wants that wait; it took none of this request. */
  readonly gap: boolean
  readonly limit: number
  readonly capacity: number
  readonly version: number
  /** How many wants are queued, of all instances. */
  readonly waiting: number
  readonly pressure: boolean
}

export type SyncReply =
  | {
      readonly kind: 'ok'
      readonly number: number
      readonly epoch: string
      readonly revision: number
      readonly instances: number
      /** For how many ms the server grants nothing yet, after a loss of its data. */
      readonly learning: number
      /** In the order of the request. */
      readonly keys: readonly KeyReply[]
    }
  | { readonly kind: 'lost'; readonly number: number; readonly epoch: string; readonly revision: number }
  | { readonly kind: 'old'; readonly number: number }

/** What the server publishes to an instance whose wants another's SYNC has served. */
export interface Push {
  readonly incarnation: string
  readonly epoch: string
  readonly revision: number
  readonly granted: number
  readonly served: number
  readonly rejections: number
  readonly pressure: boolean
  readonly key: string
}

/** An answer or a message that is not of this protocol. */
export class WireError extends Error {
  static {
    WireError.prototype.name = 'WireError'
  }
}

// Stands for no limit at all. Not the most that Lua and JavaScript can both count to: ioredis reads whole
// numbers of more than about nine tenths of that wrong.
const ENDLESS = 10 ** 15

/** The channel on which an instance hears its pushes. `tag` is the limiter's name in braces. */
export function channelOf(tag: string, instance: string): string {
  return `${tag}:p:${instance}`
}

/** The keys and arguments of the script. All keys lie in the slot of `tag`, such as `{lineclear:api}`. */
export function encode(tag: string, request: SyncRequest): { keys: string[]; args: string[] } {
  const keys = [`${tag}:m`, `${tag}:e`]
  const args = [
    request.incarnation,
    String(request.number),
    flag(request.registered),
    request.epoch,
    String(request.revision),
    String(request.confirmed),
    request.previous,
    String(request.lease),
    flag(request.keyed),
    flag(request.local),
    flag(request.bye),
    channelOf(tag, ''),
  ]
  for (const each of request.keys) {
    keys.push(`${tag}:s:${each.key}`, `${tag}:q:${each.key}`)
    args.push(
      each.key,
      String(each.granted),
      String(each.returned),
      String(each.served),
      String(each.rejections),
      String(each.acknowledged),
      String(each.wanted),
      String(Math.min(each.limit, ENDLESS)),
      String(Math.min(each.capacity, ENDLESS)),
      String(each.version),
      each.wants.map(({ first, count, weight }) => `${first},${count},${weight}`).join(';'),
      each.cancels.map(({ sequence, weight }) => `${sequence}:${weight}`).join(','),
    )
  }
  return { keys, args }
}

/** Reads the script's answer to a request for so many keys. Throws a WireError if it is malformed. */
export function decodeReply(raw: unknown, keys: number): SyncReply {
  const fields = list(raw, 'reply')
  const kind = count(fields[0], 'kind')
  if (kind === 2 && fields.length === 2) return { kind: 'old', number: count(fields[1], 'number') }
  if (kind > 1 || fields.length !== (kind === 1 ? 4 : 7)) throw malformed('reply', raw)
  const number = count(fields[1], 'number')
  const epoch = text(fields[2], 'epoch')
  const revision = count(fields[3], 'revision')
  if (kind === 1) return { kind: 'lost', number, epoch, revision }
  const replies = list(fields[6], 'keys')
  if (replies.length !== keys) throw new WireError(`The reply has ${replies.length} keys; ${keys} were sent`)
  return {
    kind: 'ok',
    number,
    epoch,
    revision,
    instances: count(fields[4], 'instances'),
    learning: count(fields[5], 'learning'),
    keys: replies.map(keyReply),
  }
}

function keyReply(raw: unknown): KeyReply {
  const fields = list(raw, 'key')
  if (fields.length !== 12) throw malformed('key', raw)
  return {
    granted: count(fields[0], 'granted'),
    served: count(fields[1], 'served'),
    rejections: count(fields[2], 'rejections'),
    log: runs(text(fields[3], 'log')),
    wanted: count(fields[4], 'wanted'),
    queued: count(fields[5], 'queued'),
    gap: truth(fields[6], 'gap'),
    limit: endless(count(fields[7], 'limit')),
    capacity: endless(count(fields[8], 'capacity')),
    version: count(fields[9], 'version'),
    waiting: count(fields[10], 'waiting'),
    pressure: truth(fields[11], 'pressure'),
  }
}

/** Reads a published message. Throws a WireError if it is malformed. */
export function decodePush(message: unknown): Push {
  // The key comes last, since it may contain anything.
  const found =
    typeof message === 'string' ? /^(\S+) (\S+) (\d+) (\d+) (\d+) (\d+) ([01]) (.*)$/s.exec(message) : null
  if (found === null) throw malformed('push', message)
  return {
    incarnation: found[1] as string,
    epoch: found[2] as string,
    revision: count(found[3], 'revision'),
    granted: count(found[4], 'granted'),
    served: count(found[5], 'served'),
    rejections: count(found[6], 'rejections'),
    pressure: found[7] === '1',
    key: found[8] as string,
  }
}

function flag(value: boolean): string {
  return value ? '1' : '0'
}

/** A limit, or how many may wait, as it came from the server. */
export function endless(value: number): number {
  return value >= ENDLESS ? Infinity : value
}

function list(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw malformed(name, value)
  return value
}

function text(value: unknown, name: string): string {
  if (typeof value !== 'string') throw malformed(name, value)
  return value
}

// Clients may be set to give whole numbers as text, or as a bigint.
function count(value: unknown, name: string): number {
  if (typeof value === 'number' ? value >= 0 : typeof value === 'string' && /^\d+$/.test(value)) {
    const number = Number(value)
    if (Number.isSafeInteger(number)) return number
  }
  if (typeof value === 'bigint' && value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER))
    return Number(value)
  throw malformed(name, value)
}

function truth(value: unknown, name: string): boolean {
  const number = count(value, name)
  if (number > 1) throw malformed(name, value)
  return number === 1
}

function runs(log: string): [number, number][] {
  if (log === '') return []
  return log.split(',').map((run) => {
    const found = /^(\d+)-(\d+)$/.exec(run)
    if (found === null) throw malformed('log', log)
    const first = count(found[1], 'log')
    const last = count(found[2], 'log')
    if (last < first) throw malformed('log', log)
    return [first, last]
  })
}

function malformed(name: string, value: unknown): WireError {
  const shown =
    JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? `${each}n` : each)) ?? String(value)
  return new WireError(`Not this protocol's ${name}: ${shown.slice(0, 200)}`)
}
