import type { KeyReply, KeyRequest, Push, SyncReply, SyncRequest } from '../../packages/redis/src/wire.ts'

// The script of packages/redis/src/script.ts once more, in TypeScript and step for step: what the explorer
// runs the ledger against. replay.test.ts shows that the two are equal.

interface Entry {
  owner: string
  sequence: number
  weight: number
}

interface Record {
  granted: number
  returned: number
  wanted: number
  served: number
  rejections: number
  queued: number
  log: [number, number][]
}

interface Counters {
  inUse: number
  generation: number
  ticket: number
  limit: number
  capacity: number
  version: number
  pressure: boolean
  records: Map<string, Record>
  queue: Entry[]
}

interface Meta {
  epoch: string
  learnUntil: number
  revision: number
  now: number
  offset: number
  generation: number
  longest: number
  locals: boolean
  last: Map<string, number>
}

/** All that the server stores; a copy of it is a snapshot. */
export interface Stored {
  meta: Meta | undefined
  leases: Map<string, number>
  keys: Map<string, Counters>
}

export interface Answer {
  reply: SyncReply
  pushes: Push[]
}

export class ModelServer {
  stored: Stored = { meta: undefined, leases: new Map(), keys: new Map() }

  snapshot(): Stored {
    return structuredClone(this.stored)
  }

  /** `clock` and `uptime` are ms. */
  sync(request: SyncRequest, clock: number, uptime: number): Answer {
    const { stored } = this
    const { leases } = stored
    const { incarnation, number, registered, previous } = request
    const last = stored.meta?.last.get(incarnation)
    if (last !== undefined && last >= number) return { reply: { kind: 'old', number }, pushes: [] }

    const longest = Math.max(stored.meta?.longest ?? 0, request.lease)
    const half = Math.floor(longest / 2)
    const known = leases.has(incarnation)
    let meta = stored.meta
    const before = meta?.now ?? 0
    let offset = meta?.offset ?? 0
    let now = clock + offset
    if (now < before) {
      offset += before - now
      now = before
    }
    const prolong = (till: number): void => {
      for (const [each, end] of leases) if (end < till) leases.set(each, till)
    }
    if (meta === undefined) {
      const revision = Math.max(clock * 1000, request.revision)
      meta = {
        epoch: `${revision}:${incarnation}`,
        learnUntil: 0,
        revision,
        now,
        offset,
        generation: now,
        longest,
        locals: false,
        last: new Map(),
      }
      stored.meta = meta
      const firstUse = !registered && previous === '' && uptime > longest
      if (!firstUse) {
        meta.learnUntil = now + longest
        prolong(meta.learnUntil)
      }
    } else {
      const loss = registered && this.#isLoss(meta, request, last, now)
      if (loss) {
        meta.revision = Math.max(meta.revision, request.revision, clock * 1000)
        meta.epoch = `${meta.revision}:${incarnation}`
        meta.learnUntil = now + longest
        prolong(meta.learnUntil)
      } else if (now - before > half) {
        const others = [...leases.keys()].filter((each) => each !== incarnation && each !== previous)
        if (others.length > 0) {
          meta.learnUntil = Math.max(meta.learnUntil, now + half)
          prolong(now + half)
        }
      }
    }
    meta.now = now
    meta.offset = offset
    meta.longest = longest
    meta.locals ||= request.local
    meta.revision++
    const learning = now < meta.learnUntil

    let reclaimed = 0
    const reclaim = (each: string): void => {
      if (!leases.delete(each)) return
      meta.last.delete(each)
      reclaimed++
    }
    const ended = [...leases]
      .filter(([, end]) => end <= now)
      .sort(([a, endA], [b, endB]) => endA - endB || (a < b ? -1 : 1))
      .slice(0, 17)
    for (const [each] of ended) if (each !== incarnation && reclaimed < 16) reclaim(each)
    if (previous !== '') reclaim(previous)
    if (reclaimed > 0) meta.generation++

    if (!known && registered && !learning) {
      return { reply: { kind: 'lost', number, epoch: meta.epoch, revision: meta.revision }, pushes: [] }
    }
    leases.set(incarnation, now + request.lease)
    const pushes: Push[] = []
    const keys = request.keys.map((each) => this.#syncKey(request, each, meta, learning, pushes))
    if (request.bye) {
      leases.delete(incarnation)
      meta.last.delete(incarnation)
      meta.generation++
    } else {
      meta.last.set(incarnation, number)
    }
    const learns = Math.max(0, meta.learnUntil - now)
    const { epoch, revision } = meta
    return {
      reply: { kind: 'ok', number, epoch, revision, instances: leases.size, learning: learns, keys },
      pushes,
    }
  }

  #isLoss(meta: Meta, request: SyncRequest, last: number | undefined, now: number): boolean {
    if (request.epoch !== meta.epoch) return now >= meta.learnUntil
    return request.revision > meta.revision || (last !== undefined && last < request.confirmed)
  }

  #syncKey(request: SyncRequest, sent: KeyRequest, meta: Meta, learning: boolean, pushes: Push[]): KeyReply {
    const { leases, keys } = this.stored
    const { incarnation } = request
    let counters = keys.get(sent.key)
    const fresh = counters === undefined
    if (counters === undefined) {
      counters = {
        inUse: 0,
        generation: meta.generation,
        ticket: 0,
        limit: 0,
        capacity: 0,
        version: 0,
        pressure: false,
        records: new Map(),
        queue: [],
      }
      keys.set(sent.key, counters)
    }
    const { records } = counters
    const changed = new Set<string>()
    const open = new Map<Record, [number, number]>()

    const grant = (owner: string, record: Record, sequence: number, weight: number): void => {
      counters.inUse += weight
      record.granted += weight
      record.served = sequence
      changed.add(owner)
    }
    const reject = (owner: string, record: Record, sequence: number): void => {
      const run = open.get(record)
      if (run?.[1] === sequence - 1) {
        run[1] = sequence
      } else {
        const entry: [number, number] = [sequence, sequence]
        open.set(record, entry)
        record.log.push(entry)
        record.rejections++
      }
      changed.add(owner)
    }

    if (counters.generation !== meta.generation) {
      for (const [owner, record] of records) {
        if (leases.has(owner)) continue
        counters.inUse -= record.granted - record.returned
        records.delete(owner)
        counters.queue = counters.queue.filter((entry) => entry.owner !== owner)
      }
      counters.generation = meta.generation
    }

    const first = !request.registered && request.previous === ''
    if (fresh || sent.version > counters.version || (sent.version === counters.version && first)) {
      counters.limit = sent.limit
      counters.capacity = sent.capacity
      counters.version = sent.version
    }
    const { limit, capacity } = counters

    let own = records.get(incarnation)
    if (own === undefined) {
      own = { granted: 0, returned: 0, wanted: 0, served: 0, rejections: 0, queued: 0, log: [] }
      records.set(incarnation, own)
    }
    if (sent.granted > own.granted) {
      counters.inUse += sent.granted - own.granted
      own.granted = sent.granted
    }
    if (sent.returned > own.returned) {
      counters.inUse -= sent.returned - own.returned
      own.returned = sent.returned
    }
    const drop = (isDropped: (entry: Entry) => boolean): void => {
      const kept = counters.queue.filter((entry) => entry.owner !== incarnation || !isDropped(entry))
      own.queued -= counters.queue.length - kept.length
      counters.queue = kept
    }
    if (sent.served > own.served) {
      own.served = sent.served
      drop(({ sequence }) => sequence <= sent.served)
    }
    if (sent.rejections > own.rejections) {
      own.rejections = sent.rejections
      own.log = []
    } else {
      while (own.log.length > own.rejections - sent.rejections) own.log.shift()
    }
    for (const cancel of sent.cancels) {
      drop(({ sequence, weight }) => sequence === cancel.sequence && weight === cancel.weight)
    }

    while (!learning && counters.queue.length > 0) {
      const { owner, sequence, weight } = counters.queue[0] as Entry
      const record = records.get(owner)
      if (record !== undefined) {
        if (limit > 0 && weight > limit) reject(owner, record, sequence)
        else if (counters.inUse + weight <= limit) grant(owner, record, sequence, weight)
        else break
        record.queued--
      }
      counters.queue.shift()
    }

    const gap = sent.acknowledged > own.wanted
    if (!gap) {
      for (const run of sent.wants) {
        const { weight } = run
        for (let sequence = run.first; sequence < run.first + run.count; sequence++) {
          if (sequence <= own.wanted) continue
          const fits = counters.queue.length === 0 && counters.inUse + weight <= limit
          if (limit > 0 && weight > limit) {
            reject(incarnation, own, sequence)
          } else if (!learning && fits) {
            grant(incarnation, own, sequence, weight)
          } else if (counters.queue.length < capacity) {
            counters.ticket++
            counters.queue.push({ owner: incarnation, sequence, weight })
            own.queued++
          } else {
            reject(incarnation, own, sequence)
          }
        }
      }
      own.wanted = Math.max(own.wanted, sent.wanted)
    }

    const pressure = counters.queue.length > 0
    if (meta.locals && pressure !== counters.pressure) for (const owner of records.keys()) changed.add(owner)
    counters.pressure = pressure
    for (const owner of changed) {
      if (owner === incarnation) continue
      const { granted, served, rejections } = records.get(owner) as Record
      pushes.push({
        incarnation: owner,
        epoch: meta.epoch,
        revision: meta.revision,
        granted,
        served,
        rejections,
        pressure,
        key: sent.key,
      })
    }
    const over = own.granted === own.returned && own.queued === 0 && own.log.length === 0
    if (request.keyed && over) records.delete(incarnation)
    if (request.keyed && records.size === 0 && counters.version === 0) keys.delete(sent.key)
    return {
      granted: own.granted,
      served: own.served,
      rejections: own.rejections,
      log: own.log.map(([from, till]) => [from, till] as const),
      wanted: own.wanted,
      queued: own.queued,
      gap,
      limit,
      capacity,
      version: counters.version,
      waiting: counters.queue.length,
      pressure,
    }
  }
}
