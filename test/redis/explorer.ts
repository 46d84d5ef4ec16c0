import { Ledger } from '../../packages/redis/src/ledger.ts'
import type { Want } from '../../packages/redis/src/want-list.ts'
import type { Push, SyncReply, SyncRequest } from '../../packages/redis/src/wire.ts'
import { Random } from '../chaos/random.ts'
import { ModelServer, type Stored } from './model.ts'

/** What a new process is told: a server's first use looks so. */
const LONG = 1e9
/** Within this time a ledger of many keys reports anew what it holds. */
const REPORT = 600_000

/**
 * What may go wrong with the data: `none` nothing, `restart` the server loses all of it and knows that it
 * has just begun, `rollback` it falls back to a former state, as a stale replica does.
 */
export type Loss = 'none' | 'restart' | 'rollback'

export interface Setting {
  instances: number
  limit: number
  capacity: number
  heaviest: number
  keys: string[]
  keyed: boolean
  local: boolean
  loss: Loss
  /** Processes stand still, for longer than a lease too. */
  pauses: boolean
  resizes: boolean
  /** Permits taken without the server: then there may be more than the limit. */
  degraded: boolean
  /** The server's clock steps back. */
  clockSteps: boolean
  /** In ms. With a long one, what is held is reported anew within it. */
  lease: number
  /** How likely a process that has something to tell does so when it looks at the clock. */
  eagerness: number
  /** Most pushes are lost, and come when they are long out of date. */
  stragglers: boolean
  /** Ledgers are told in time that a lease ends; otherwise they have to see it when they are used. */
  timers: boolean
  steps: number
}

/** What the server was asked to do, to be done again by a real one. */
export type Deed =
  | { kind: 'sync'; request: SyncRequest; clock: number; uptime: number; reply: SyncReply; pushes: Push[] }
  | { kind: 'snapshot'; name: number }
  | { kind: 'restore'; name: number }
  | { kind: 'empty' }

interface Permit {
  key: string
  weight: number
  lost: boolean
}

interface Client {
  name: string
  ledger: Ledger<Asked>
  permits: Permit[]
  waiting: Set<Want<Asked>>
  flight: SyncRequest | undefined
  kicked: boolean
  pausedTill: number
  /** Until then, nothing reaches it or comes from it. */
  cutTill: number
  nextBeat: number
}

interface Asked {
  client: Client
  outcome: 'granted' | 'rejected' | 'cancelled' | undefined
}

/** The server's queues before a SYNC, and the highest sequence number it had of each incarnation. */
type Queues = Map<
  string,
  { queue: { owner: string; sequence: number; weight: number }[]; wanted: Map<string, number> }
>

type Message =
  | { kind: 'request'; client: Client; request: SyncRequest }
  | { kind: 'reply'; client: Client; request: SyncRequest; reply: SyncReply }
  | { kind: 'push'; client: Client; push: Push }

export function settingOf(seed: number): Setting {
  const random = new Random('setting', seed)
  const keyed = random.chance(0.35)
  const heavy = random.chance(0.4)
  const limit = random.between(heavy ? 2 : 1, 3)
  const loss = random.pick<Loss>(['none', 'none', 'restart', 'rollback', 'rollback'])
  return {
    instances: random.between(2, 3),
    limit,
    capacity: random.chance(0.3) ? random.between(0, 2) : 50,
    heaviest: heavy ? 2 : 1,
    keys: keyed ? ['a', 'b b'] : [''],
    keyed,
    local: random.chance(0.25),
    loss,
    pauses: random.chance(0.25),
    resizes: random.chance(0.3),
    degraded: random.chance(0.1),
    clockSteps: random.chance(0.2),
    steps: random.between(60, 220),
    stragglers: random.chance(0.3),
    timers: random.chance(0.7),
    lease: keyed && random.chance(0.5) ? 300_000 : 600,
    eagerness: random.pick([0.5, 0.5, 0.1, 0]),
  }
}

/** One random history: the ledgers of some instances against the model of the server. */
export class Explorer {
  readonly seed: number
  readonly setting: Setting
  readonly deeds: Deed[] = []
  /** What happened; a message is only made text if something goes wrong. */
  readonly #trace: { at: number; text: string; message: unknown }[] = []
  /** What came to pass, to see that the histories are worth their while. */
  readonly counts = { syncs: 0, granted: 0, rejected: 0, lost: 0 }

  readonly #random: Random
  readonly #server = new ModelServer()
  #clients: Client[] = []
  #messages: Message[] = []
  /** Requests and pushes of the past, which may come once more. */
  #former: Message[] = []
  #snapshots: Stored[] = []
  #now = 1000
  #clock = 1_700_000_000_000
  #startedAt = -LONG
  #born = 0
  /** The highest limit that permits still held may have been granted under. */
  #bound: number
  #ever: number
  readonly #fences = new Map<string, { weight: number; fence: number }[]>()
  #quiet = false

  constructor(seed: number, setting: Setting = settingOf(seed)) {
    this.seed = seed
    this.setting = setting
    this.#random = new Random('history', seed)
    this.#bound = setting.limit
    this.#ever = setting.limit
  }

  /** Throws if the history breaks a promise; the message has the seed and what happened. */
  run(): this {
    try {
      for (let count = 0; count < this.setting.instances; count++) this.#join()
      for (let step = 0; step < this.setting.steps; step++) {
        this.#step()
        this.#check()
      }
      this.#comeToRest()
    } catch (error) {
      const setting = JSON.stringify(this.setting)
      const trace = this.#trace.slice(-120).map(({ at, text, message }) => {
        return `${String(at).padStart(6)} ${text}${message === undefined ? '' : `: ${JSON.stringify(message)}`}`
      })
      throw new Error(`Seed ${this.seed}: ${(error as Error).stack}\n${setting}\n${trace.join('\n')}`, {
        cause: error,
      })
    }
    return this
  }

  #log(text: string, message?: unknown): void {
    this.#trace.push({ at: this.#now, text, message })
  }

  #join(): void {
    const { keyed, local, capacity, limit, lease } = this.setting
    const client: Client = {
      name: `i${this.#born++}`,
      ledger: undefined as unknown as Ledger<Asked>,
      permits: [],
      waiting: new Set(),
      flight: undefined,
      kicked: true,
      pausedTill: 0,
      cutTill: 0,
      nextBeat: 0,
    }
    client.ledger = new Ledger<Asked>({
      instance: client.name,
      lease,
      keyed,
      local,
      limits: { limit, capacity },
      listener: {
        granted: (want, fence) => this.#onGranted(client, want, fence),
        rejected: (want) => {
          this.#log(`${client.name} rejected ${want.sequence}`)
          this.#end(client, want, 'rejected')
        },
        lost: () => {
          this.#log(`${client.name} LOST its permits`)
          this.counts.lost++
          for (const permit of client.permits) permit.lost = true
        },
        kick: () => {
          client.kicked = true
        },
        limitsDiffer: () => {},
      },
    })
    this.#clients.push(client)
  }

  #onGranted(client: Client, want: Want<Asked>, fence: number): void {
    this.#log(`${client.name} granted ${want.sequence} x${want.weight} fence ${fence % 1e9}`)
    this.#end(client, want, 'granted')
    if (client.ledger.leaseEnd <= this.#now) throw new Error('granted after the end of the lease')
    client.permits.push({ key: want.key, weight: want.weight, lost: false })
    this.#checkFence(want.key, want.weight, fence, false)
    this.counts.granted++
  }

  #end(client: Client, want: Want<Asked>, outcome: 'granted' | 'rejected'): void {
    if (want.waiter.outcome !== undefined) throw new Error(`${outcome}, but was ${want.waiter.outcome}`)
    if (want.waiter.client !== client) throw new Error('told somebody else')
    want.waiter.outcome = outcome
    client.waiting.delete(want)
    if (outcome === 'rejected') this.counts.rejected++
  }

  /** Above all before it that it cannot be held together with. */
  #checkFence(key: string, weight: number, fence: number, handed: boolean): void {
    const { loss, pauses, degraded, clockSteps } = this.setting
    // A clock that steps back while all else is lost takes the numbers with it.
    if (loss === 'rollback' || (loss === 'restart' && clockSteps) || pauses || degraded) return
    let all = this.#fences.get(key)
    if (all === undefined) {
      all = []
      this.#fences.set(key, all)
    }
    for (const before of all) {
      if (before.weight + weight <= this.#ever) continue
      if (handed ? fence < before.fence : fence <= before.fence) {
        throw new Error(`the fence ${fence} is not above ${before.fence}`)
      }
    }
    all.push({ weight, fence })
  }

  #step(): void {
    const random = this.#random
    const client = random.pick(this.#clients)
    const awake = this.#now >= client.pausedTill
    const deed = random.share({
      acquire: 14,
      release: 12,
      cancel: 4,
      send: 18,
      deliver: 42,
      drop: 4,
      duplicate: 3,
      late: this.setting.stragglers ? 12 : 3,
      cut: 0.8,
      giveUp: 4,
      time: 14,
      longTime: 1.2,
      crash: 0.7,
      close: 0.2,
      join: 0.7,
      pause: 1,
      loss: 1.6,
      snapshot: 3,
      resize: 2,
      degraded: 3,
      clock: 0.6,
    })
    if (deed === 'acquire' && awake) this.#acquire(client)
    else if (deed === 'release' && awake) this.#release(client)
    else if (deed === 'cancel' && awake) this.#cancel(client)
    else if (deed === 'send' && awake) this.#send(client)
    else if (deed === 'deliver') this.#deliver(this.#pickMessage())
    else if (deed === 'drop') this.#remove(this.#pickMessage())
    else if (deed === 'duplicate') this.#duplicate()
    else if (deed === 'late') this.#deliver(this.#pickFormer())
    else if (deed === 'cut')
      client.cutTill = this.#now + random.between(this.setting.lease / 2, this.setting.lease * 2.5)
    else if (deed === 'giveUp' && awake) client.flight = undefined
    else if (deed === 'time') this.#pass(random.between(1, this.setting.lease / 5))
    else if (deed === 'longTime') this.#pass(random.between(this.setting.lease / 2, this.setting.lease * 1.5))
    else if (deed === 'crash') this.#crash(client)
    else if (deed === 'join' && this.#clients.length < 4) this.#join()
    else if (deed === 'pause' && this.setting.pauses)
      client.pausedTill = this.#now + random.between(50, this.setting.lease * 2)
    else if (deed === 'loss') this.#lose()
    else if (deed === 'snapshot' && this.setting.loss === 'rollback') this.#snapshot()
    else if (deed === 'resize' && awake) this.#resize(client)
    else if (deed === 'degraded' && awake) this.#admitLocally(client)
    else if (deed === 'clock' && this.setting.clockSteps)
      this.#clock -= random.between(1, this.setting.lease * 2)
  }

  #acquire(client: Client): void {
    const key = this.#random.pick(this.setting.keys)
    const weight = this.#random.between(1, this.setting.heaviest)
    if (weight > client.ledger.limits(key).limit) return
    const fence = client.ledger.tryAcquire(key, weight, this.#now)
    if (fence !== undefined) {
      this.#log(`${client.name} takes ${weight} kept of ${key}`)
      client.permits.push({ key, weight, lost: false })
      this.#checkFence(key, weight, fence, true)
      return
    }
    // It may have forgotten the key just now, and its limit.
    if (weight > client.ledger.limits(key).limit) return
    const want = client.ledger.acquire(key, weight, { client, outcome: undefined })
    this.#log(`${client.name} wants ${want.sequence} x${weight} of ${key}`)
    client.waiting.add(want)
  }

  #release(client: Client): void {
    if (client.permits.length === 0) return
    const index = this.#random.between(0, client.permits.length - 1)
    const [permit] = client.permits.splice(index, 1) as [Permit]
    this.#log(`${client.name} releases ${permit.weight} of ${permit.key}`)
    client.ledger.release(permit.key, permit.weight, this.#now)
  }

  #cancel(client: Client): void {
    const [want] = [...client.waiting]
    const all = [...client.waiting]
    const picked = all.length > 0 ? this.#random.pick(all) : want
    if (picked === undefined) return
    this.#log(`${client.name} cancels ${picked.sequence}`)
    if (!client.ledger.cancel(picked)) throw new Error('a want that waits cannot be cancelled')
    picked.waiter.outcome = 'cancelled'
    client.waiting.delete(picked)
  }

  #send(client: Client): void {
    if (client.flight !== undefined) return
    const request = client.ledger.build(this.#now)
    if (request === undefined) return
    client.flight = request
    client.kicked = false
    client.nextBeat = this.#now + this.setting.lease / 3
    this.#log(`${client.name} sends ${request.number}`, request)
    this.#post({ kind: 'request', client, request })
    this.#checkReport(client, request)
  }

  /** A request tells of all that is held, the first of an incarnation of all keys. */
  #checkReport(client: Client, request: SyncRequest): void {
    for (const key of this.setting.keys) {
      const held = client.ledger.inUse(key)
      const sent = request.keys.find((each) => each.key === key)
      if (sent === undefined ? !request.registered && held > 0 : sent.granted - sent.returned < held) {
        throw new Error(`${client.name} holds ${held} of ${key}, and does not tell`)
      }
    }
  }

  #pickMessage(): Message | undefined {
    const { length } = this.#messages
    if (length === 0) return undefined
    // Mostly in order, and now and then not.
    return this.#messages[this.#random.chance(0.6) ? 0 : this.#random.between(0, length - 1)]
  }

  #pickFormer(): Message | undefined {
    const { length } = this.#former
    return length === 0 ? undefined : this.#former[this.#random.between(Math.max(0, length - 40), length - 1)]
  }

  #post(message: Message): void {
    const straggles = message.kind === 'push' && this.setting.stragglers && this.#random.chance(0.7)
    if (!straggles) this.#messages.push(message)
    if (message.kind !== 'reply') this.#former.push(message)
  }

  #remove(message: Message | undefined): void {
    const index = message === undefined ? -1 : this.#messages.indexOf(message)
    if (index >= 0) this.#messages.splice(index, 1)
  }

  #duplicate(): void {
    const message = this.#pickMessage()
    if (message !== undefined && message.kind !== 'reply') this.#messages.push({ ...message })
  }

  #deliver(message: Message | undefined): void {
    if (message === undefined) return
    const { client } = message
    const alive = this.#clients.includes(client)
    if (message.kind !== 'request' && alive && this.#now < client.pausedTill) return
    this.#remove(message)
    if (this.#now < client.cutTill) return
    if (message.kind === 'request') {
      this.#sync(client, message.request)
    } else if (alive && message.kind === 'push') {
      this.#log(`${client.name} hears`, message.push)
      client.ledger.onPush(message.push, this.#now)
    } else if (alive && message.kind === 'reply') {
      const read = client.ledger.onReply(message.request, message.reply, this.#now)
      this.#log(`${client.name} ${read ? 'reads' : 'ignores'} the reply to ${message.request.number}`)
      if (client.flight === message.request) client.flight = undefined
    }
  }

  #sync(client: Client, request: SyncRequest): void {
    this.counts.syncs++
    const clock = this.#clock
    const uptime = 1000 * Math.floor((this.#now - this.#startedAt) / 1000)
    const before = this.#queues()
    const { reply, pushes } = this.#server.sync(request, clock, uptime)
    this.deeds.push({ kind: 'sync', request, clock, uptime, reply, pushes })
    this.#log(`  server to ${client.name}`, reply)
    this.#checkOrder(before, request)
    this.#post({ kind: 'reply', client, request, reply })
    for (const push of pushes) {
      const to = this.#clients.find(({ name }) => push.incarnation.startsWith(`${name}.`))
      if (to !== undefined) this.#post({ kind: 'push', client: to, push })
    }
  }

  #queues(): Queues {
    const queues: Queues = new Map()
    for (const [key, { queue, records }] of this.#server.stored.keys) {
      const wanted = new Map<string, number>()
      for (const [owner, record] of records) wanted.set(owner, record.wanted)
      queues.set(key, { queue: [...queue], wanted })
    }
    return queues
  }

  /** Nobody is let past one who arrived before. */
  #checkOrder(before: Queues, request: SyncRequest): void {
    for (const [key, { queue, records, limit }] of this.#server.stored.keys) {
      const first = queue[0]
      const former = before.get(key)
      const waited = former?.queue ?? []
      const name = (owner: string, sequence: number): string => `${owner}/${sequence}`
      const left = new Set(queue.map(({ owner, sequence }) => name(owner, sequence)))
      const isRejected = (owner: string, sequence: number): boolean =>
        records.get(owner)?.log.some(([from, till]) => from <= sequence && sequence <= till) ?? false
      let passed: string | undefined
      for (const { owner, sequence, weight } of waited) {
        if (left.has(name(owner, sequence))) passed ??= name(owner, sequence)
        else if (passed !== undefined && records.has(owner) && weight <= limit) {
          const cancelled = request.keys.some(
            (sent) =>
              sent.key === key &&
              request.incarnation === owner &&
              (sent.served >= sequence || sent.cancels.some((cancel) => cancel.sequence === sequence)),
          )
          if (!cancelled && !isRejected(owner, sequence)) {
            throw new Error(`${name(owner, sequence)} was let past ${passed}`)
          }
        }
      }
      if (first === undefined || passed === undefined) continue
      const sent = request.keys.find((each) => each.key === key)
      const owner = request.incarnation
      for (const run of sent?.wants ?? []) {
        for (let sequence = run.first; sequence < run.first + run.count; sequence++) {
          const known = sequence <= (former?.wanted.get(owner) ?? 0)
          const took = (records.get(owner)?.wanted ?? 0) >= sequence
          if (known || !took || left.has(name(owner, sequence)) || isRejected(owner, sequence)) continue
          throw new Error(`${name(owner, sequence)} came and was let past ${passed}`)
        }
      }
    }
  }

  /** Time passes, and whoever is awake looks at the clock when the ledger wants it. */
  #pass(ms: number): void {
    const till = this.#now + Math.ceil(ms)
    while (this.#now < till) {
      let next = till
      for (const { ledger, pausedTill } of this.#clients) {
        const due = Math.max(ledger.due, pausedTill)
        if (due > this.#now && due < next) next = Math.ceil(due)
      }
      this.#clock += next - this.#now
      this.#now = next
      for (const client of this.#clients) {
        if (this.#now < client.pausedTill) continue
        if (this.setting.timers || this.#quiet) client.ledger.expire(this.#now)
        if (client.flight === undefined && (client.kicked || this.#now >= client.nextBeat)) {
          if (this.#quiet || this.#random.chance(this.setting.eagerness)) this.#send(client)
        }
      }
      this.#check()
    }
    this.#log(`(${ms} ms)`)
  }

  #crash(client: Client): void {
    if (this.#clients.length < 2) return
    this.#log(`${client.name} crashes`)
    this.#clients = this.#clients.filter((each) => each !== client)
    if (this.#random.chance(0.7)) this.#join()
  }

  #snapshot(): void {
    this.#log(`snapshot ${this.#snapshots.length}`)
    this.deeds.push({ kind: 'snapshot', name: this.#snapshots.length })
    this.#snapshots.push(this.#server.snapshot())
  }

  #lose(): void {
    if (this.setting.loss === 'restart') {
      this.#log('the server restarts, empty')
      this.deeds.push({ kind: 'empty' })
      this.#server.stored = { meta: undefined, leases: new Map(), keys: new Map() }
      this.#startedAt = this.#now
      this.#bound = this.#ever
    } else if (this.setting.loss === 'rollback' && this.#snapshots.length > 0) {
      const name = this.#random.between(0, this.#snapshots.length - 1)
      this.#log(`the server falls back to ${name}`)
      this.deeds.push({ kind: 'restore', name })
      this.#server.stored = structuredClone(this.#snapshots[name] as Stored)
    }
  }

  #resize(client: Client): void {
    if (!this.setting.resizes) return
    const key = this.#random.chance(0.3) ? undefined : this.#random.pick(this.setting.keys)
    const limit = this.#random.between(1, 3)
    this.#log(`${client.name} sets the limit to ${limit}`)
    this.#ever = Math.max(this.#ever, limit)
    this.#bound = this.#ever
    client.ledger.resize(key, limit)
  }

  #admitLocally(client: Client): void {
    if (!this.setting.degraded) return
    const key = this.#random.pick(this.setting.keys)
    this.#log(`${client.name} admits one of ${key} itself`)
    client.ledger.admitLocally(key, 1)
    client.permits.push({ key, weight: 1, lost: false })
  }

  #check(): void {
    for (const [key, { inUse, records, queue }] of this.#server.stored.keys) {
      let sum = 0
      for (const [owner, record] of records) {
        sum += record.granted - record.returned
        if (record.returned > record.granted) throw new Error(`${owner} gave back more than it had`)
        const queued = queue.filter((entry) => entry.owner === owner)
        if (queued.length !== record.queued) throw new Error(`${owner} has ${queued.length} queued`)
      }
      if (sum !== inUse) throw new Error(`${inUse} in use of ${key}, but the incarnations have ${sum}`)
    }
    for (const { ledger, permits, name, waiting } of this.#clients) {
      for (const key of this.setting.keys) {
        const held = permits
          .filter((permit) => permit.key === key)
          .reduce((sum, each) => sum + each.weight, 0)
        if (ledger.inUse(key) !== held) throw new Error(`${name} counts ${ledger.inUse(key)}, not ${held}`)
      }
      if (ledger.waiting() !== waiting.size) throw new Error(`${name} counts ${ledger.waiting()} waiting`)
    }
    if (this.setting.loss !== 'rollback' && !this.setting.degraded) this.#checkLimit()
  }

  #checkLimit(): void {
    for (const key of this.setting.keys) {
      let held = 0
      for (const { permits, ledger } of this.#clients) {
        // Who has not yet looked at the clock holds what others may have by now: no lease can help it.
        if (ledger.leaseEnd <= this.#now) continue
        for (const permit of permits) if (permit.key === key && !permit.lost) held += permit.weight
      }
      if (held > this.#bound) throw new Error(`${held} in use of ${key}, of ${this.#bound}`)
    }
  }

  /** Faults end; everybody has to be served or rejected, and nothing may be left. */
  #comeToRest(): void {
    this.#log('--- rest ---')
    this.#quiet = true
    for (const client of this.#clients) {
      client.pausedTill = 0
      client.cutTill = 0
    }
    for (let round = 0; round < 120 && this.#isBusy(); round++) this.#round(round > 60)
    for (const { name, waiting, permits } of this.#clients) {
      if (waiting.size > 0 || permits.length > 0) {
        throw new Error(`${name} waits for ever: ${[...waiting].map(({ sequence }) => sequence)}`)
      }
    }
    // Whatever was on its way comes in the end.
    for (const message of this.#former.slice(-60)) if (this.#random.chance(0.5)) this.#deliver(message)
    // The dead are forgotten after their leases, and permits granted to nobody find their way back.
    for (let round = 0; round < 12; round++) this.#round(true, this.setting.lease / 4)
    const { lease, keyed, loss } = this.setting
    // A fall back that nobody noticed is made good when what is held is reported anew.
    if (keyed && loss === 'rollback' && this.#leftOver() !== undefined) {
      for (let passed = 0; passed < REPORT + 2 * lease; passed += lease / 3) this.#round(true, lease / 3)
    }
    const left = this.#leftOver()
    if (left !== undefined) throw new Error(left)
    for (const { name, ledger } of this.#clients) {
      if (this.setting.keyed && ledger.keys > 0) throw new Error(`${name} has not forgotten its keys`)
    }
  }

  /** What the server has though nobody wants it any more. */
  #leftOver(): string | undefined {
    const { leases, keys } = this.#server.stored
    for (const [key, { inUse, queue, records, generation }] of keys) {
      for (const [owner, { granted, returned, queued }] of records) {
        if (granted === returned && queued === 0 && !this.setting.keyed) continue
        if (leases.has(owner)) return `${owner} has left something of ${key}`
        // Of a key that nobody asks for, the dead's is dropped when somebody does.
        if (generation === this.#server.stored.meta?.generation) return `${owner} is not dropped`
      }
      if (!this.setting.keyed && inUse > 0) return `${inUse} of ${key} are left in use`
      if (!this.setting.keyed && queue.length > 0) return `wants for ${key} are left`
    }
    return undefined
  }

  #isBusy(): boolean {
    return this.#clients.some(({ waiting, permits }) => waiting.size > 0 || permits.length > 0)
  }

  #round(release: boolean, ms: number = this.setting.lease / 20): void {
    for (const client of this.#clients) {
      if (release || this.#random.chance(0.5)) this.#release(client)
      client.flight = undefined
      this.#send(client)
    }
    while (this.#messages.length > 0) this.#deliver(this.#messages[0])
    this.#check()
    this.#pass(ms)
  }
}

/** Runs one history. */
export function explore(seed: number, setting?: Setting): Explorer {
  return new Explorer(seed, setting).run()
}
