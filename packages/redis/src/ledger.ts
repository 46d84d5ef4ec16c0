import { Account, type Limits } from './account.ts'
import type { Want } from './want-list.ts'
import {
  type KeyReply,
  type KeyRequest,
  type Push,
  type SyncReply,
  type SyncRequest,
  WireError,
} from './wire.ts'

/** What a ledger tells. It is called last in each method, so that it may call the ledger. */
export interface LedgerListener<Waiter> {
  /** The want has its permits. `fence` is above that of whoever held them before, on any instance. */
  granted(want: Want<Waiter>, fence: number): void
  /** The want will have none: the queue is full, it is `heavier` than a limit since lowered, or `closed`. */
  rejected(want: Want<Waiter>, cause: 'full' | 'heavier' | 'closed'): void
  /** All permits held may have been given to others. Those who hold them are to stop, and still release. */
  lost(holdings: readonly Holding[]): void
  /** There is something to tell the server: a SYNC should be sent soon. */
  kick(): void
  /** Another instance has set other limits, which hold now. */
  limitsDiffer(key: string, theirs: Limits, mine: Limits): void
}

interface Holding {
  readonly key: string
  readonly weight: number
}

export interface LedgerOptions<Waiter> {
  /** Unique among all processes; without a dot or a space. */
  readonly instance: string
  /** In ms. */
  readonly lease: number
  /** Many keys, forgotten as they fall idle; otherwise there is one, `''`. */
  readonly keyed: boolean
  /** Keeps permits given back for own acquires, as long as nobody waits. */
  readonly local: boolean
  readonly limits: Limits
  readonly listener: LedgerListener<Waiter>
}

/** How long an idle permit is kept in local mode, in ms. */
const IDLE = 50
/** How often what is held is reported anew, in ms, if there are many keys. */
const REPORT = 600_000
/** What one request carries at most, lest it holds up the server. */
const MOST_WANTS = 1000
const MOST_KEYS = 128

interface Flight<Waiter> {
  readonly request: SyncRequest
  readonly sentAt: number
  readonly accounts: readonly Account<Waiter>[]
}

/**
 * What one instance knows of one bucket of keys: the client's half of the protocol. It has no timers and
 * sends nothing; `now` is a time in ms that never steps back.
 *
 * The server counts a permit as ours from before we know until after we have given it back; it takes it
 * away after the lease, and by then `expire` has told us that it is lost.
 */
export class Ledger<Waiter = unknown> {
  readonly #instance: string
  readonly #lease: number
  readonly #keyed: boolean
  readonly #local: boolean
  readonly #listener: LedgerListener<Waiter>
  #limits: Limits
  #version = 0

  readonly #accounts = new Map<string, Account<Waiter>>()
  /** Those with something untold. */
  readonly #untold = new Set<Account<Waiter>>()
  /** Those with wants that wait, the ones longest not asked about first. */
  readonly #asking = new Set<Account<Waiter>>()
  /** Those with a surplus, in local mode. */
  readonly #idle = new Set<Account<Waiter>>()
  #inUse = 0
  #sequence = 0
  #highWater = 0

  #generation = 0
  #incarnation: string
  #previous = ''
  #number = 0
  #registered = false
  #epoch = ''
  #revision = 0
  #confirmed = 0
  /** Until when the permits held are ours. */
  #deadline: number | undefined
  /** When this incarnation was first sent. */
  #introduced: number | undefined
  #reported = 0
  #flight: Flight<Waiter> | undefined
  #closing = false
  #closed = false
  #instances = 1
  #kicked = false
  #granted: Want<Waiter>[] = []
  #fence = 0
  #rejected: { want: Want<Waiter>; cause: 'full' | 'heavier' | 'closed' }[] = []
  #lost = false
  #differing: { key: string; theirs: Limits; mine: Limits }[] = []

  constructor(options: LedgerOptions<Waiter>) {
    this.#instance = options.instance
    this.#lease = options.lease
    this.#keyed = options.keyed
    this.#local = options.local
    this.#limits = options.limits
    this.#listener = options.listener
    this.#incarnation = `${this.#instance}.0`
    if (!this.#keyed) this.#account('')
  }

  /** Weight held by somebody, over all keys or of one. */
  inUse(key?: string): number {
    return key === undefined ? this.#inUse : (this.#accounts.get(key)?.used ?? 0)
  }

  /** How many wants wait here, over all keys or for one. */
  waiting(key?: string): number {
    if (key !== undefined) return this.#accounts.get(key)?.wants.size ?? 0
    let sum = 0
    for (const { wants } of this.#asking) sum += wants.size
    return sum
  }

  /** Who has waited longest here for a key. */
  first(key: string): Want<Waiter> | undefined {
    return this.#accounts.get(key)?.wants.first()
  }

  /** All that wait here, those for one key in the order they came. */
  wants(): Want<Waiter>[] {
    return [...this.#asking].flatMap(({ wants }) => wants.waiting())
  }

  /** The limits that hold for a key, as far as known here. */
  limits(key: string): Limits {
    return this.#accounts.get(key)?.limits ?? this.#limits
  }

  /** The keys that are not forgotten. */
  get keys(): number {
    return this.#accounts.size
  }

  /** Whether the server has confirmed this incarnation, and its lease holds. */
  get registered(): boolean {
    return this.#registered
  }

  /** How many instances there were at the last reply; at least 1. */
  get instances(): number {
    return this.#instances
  }

  /** The highest revision seen: a number for a permit taken without the server. */
  get revision(): number {
    return this.#revision
  }

  /** The last request has been answered: the server knows nothing of this instance any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** Until when the permits held are surely ours, unless a reply prolongs it; Infinity if none were granted. */
  get leaseEnd(): number {
    return this.#deadline ?? Infinity
  }

  /** When `expire` has to be called, at the latest; Infinity if it need not. */
  get due(): number {
    let due = Infinity
    if (this.#deadline !== undefined) due = this.#deadline
    if (!this.#registered && this.#introduced !== undefined)
      due = Math.min(due, this.#introduced + this.#lease)
    if (this.#keyed && this.#registered) due = Math.min(due, this.#reported + REPORT)
    for (const { idleSince } of this.#idle) due = Math.min(due, idleSince + IDLE)
    return due
  }

  /**
   * In local mode, permits that lie here idle, at once; their fence, or undefined. Otherwise always
   * undefined. Not while somebody waits.
   */
  tryAcquire(key: string, weight: number, now: number): number | undefined {
    this.expire(now)
    const account = this.#accounts.get(key)
    if (!this.#local || account === undefined || !this.#mayKeep(account)) return undefined
    if (!this.#registered || weight === 0 || account.surplus < weight) return undefined
    account.take(weight)
    this.#inUse += weight
    return this.#revision
  }

  /** Queues for permits. Throws a RangeError for more than there ever are; a limit of 0 is a pause. */
  acquire(key: string, weight: number, waiter: Waiter): Want<Waiter> {
    if (this.#closing) throw new Error('The ledger is closed')
    const { limit } = this.limits(key)
    if (limit > 0 && weight > limit)
      throw new RangeError(`weight must be at most the limit of ${limit}; received ${weight}`)
    const account = this.#account(key)
    const want = account.acquire(weight, waiter, ++this.#sequence)
    this.#asking.add(account)
    this.#settle(account, 0)
    this.#touch(account)
    this.#tell()
    return want
  }

  /** Leaves the queue. False if the want no longer waited: if it was granted, it has to be released. */
  cancel(want: Want<Waiter>): boolean {
    if (want.state !== 'waiting') return false
    const account = want.account
    account.cancel(want)
    if (account.wants.size === 0) this.#asking.delete(account)
    this.#touch(account)
    this.#tell()
    return true
  }

  /** Gives permits back, also those that were lost. Throws a RangeError for more than are held. */
  release(key: string, weight: number, now: number): void {
    if (weight === 0) return
    const account = this.#accounts.get(key)
    if (account === undefined || account.used < weight) {
      throw new RangeError(`weight must be at most the ${account?.used ?? 0} in use; received ${weight}`)
    }
    account.used -= weight
    this.#inUse -= weight
    this.#settle(account, now)
    this.#tell()
  }

  /** Holds permits that the server has not granted, since it cannot be asked. It is told afterwards. */
  admitLocally(key: string, weight: number): void {
    const account = this.#account(key)
    account.take(weight)
    this.#inUse += weight
    this.#touch(account)
    this.#tell()
  }

  /** Sets the limit for all instances: of one key, or with undefined of all keys. */
  resize(key: string | undefined, limit: number): void {
    if (key === undefined) {
      let version = this.#version
      for (const account of this.#accounts.values()) version = Math.max(version, account.version)
      this.#version = version + 1
      this.#limits = { ...this.#limits, limit }
    }
    const accounts = key === undefined ? this.#accounts.values() : [this.#account(key)]
    for (const account of accounts) {
      account.resize(limit, key === undefined ? this.#version : undefined)
      this.#settle(account, 0)
      this.#touch(account)
    }
    this.#tell()
  }

  /** Rejects all who wait, and lets the request after the last release take leave of the server. */
  close(): void {
    this.#closing = true
    for (const account of this.#asking) {
      for (const want of account.wants.waiting()) {
        account.cancel(want)
        this.#rejected.push({ want, cause: 'closed' })
      }
      this.#touch(account)
    }
    this.#asking.clear()
    for (const account of this.#idle) this.#settle(account, 0)
    this.#kicked = true
    this.#tell()
  }

  /**
   * Looks at the clock: whether the lease has ended, and what has been idle. Before whatever reads or sends
   * a message; `onReply`, `onPush`, `build` and `tryAcquire` do it themselves.
   */
  expire(now: number): void {
    this.#expire(now)
    this.#tell()
  }

  #expire(now: number): void {
    if (this.#deadline !== undefined && now >= this.#deadline) {
      this.#deadline = undefined
      this.#lost = this.#inUse > 0
      if (this.#registered) this.#renew()
    }
    // After a lease the server may have dropped an incarnation that it has not yet confirmed to us.
    if (!this.#registered && this.#introduced !== undefined && now >= this.#introduced + this.#lease)
      this.#renew()
    if (this.#keyed && this.#registered && now >= this.#reported + REPORT) this.#renew()
    for (const account of this.#idle) {
      if (now < account.idleSince + IDLE) continue
      const weight = Math.min(account.idle, account.surplus)
      if (weight > 0) {
        account.giveBack(weight)
        this.#touch(account)
      }
      this.#idle.delete(account)
      this.#settle(account, now)
    }
  }

  /** The request to send now, the one before having been answered or given up; undefined after the last. */
  build(now: number): SyncRequest | undefined {
    this.#expire(now)
    if (this.#closed) return undefined
    this.#introduced ??= now
    // What it carries needs no other.
    this.#kicked = false
    const accounts = this.#due()
    let room = MOST_WANTS
    const keys: KeyRequest[] = []
    for (const account of accounts) {
      const request = account.request(room)
      for (const { count } of request.wants) room -= count
      keys.push(request)
    }
    const request: SyncRequest = {
      incarnation: this.#incarnation,
      number: ++this.#number,
      registered: this.#registered,
      epoch: this.#epoch,
      revision: this.#revision,
      confirmed: this.#confirmed,
      previous: this.#previous,
      lease: this.#lease,
      keyed: this.#keyed,
      local: this.#local,
      bye: this.#closing && this.#inUse === 0,
      keys,
    }
    this.#flight = { request, sentAt: now, accounts }
    this.#tell()
    return request
  }

  /**
   * Reads the reply to the last request built. False if it comes too late, and was not read. Throws a
   * WireError, and changes nothing, if it is a reply to something else.
   */
  onReply(request: SyncRequest, reply: SyncReply, now: number): boolean {
    if (reply.number !== request.number)
      throw new WireError(`A reply to ${reply.number}, not ${request.number}`)
    if (reply.kind === 'ok' && reply.keys.length !== request.keys.length) {
      throw new WireError(`The reply has ${reply.keys.length} keys; ${request.keys.length} were sent`)
    }
    this.#expire(now)
    const flight = this.#flight
    if (flight?.request !== request) {
      this.#tell()
      return false
    }
    this.#flight = undefined
    if (reply.kind === 'lost') {
      this.#lost = this.#inUse > 0
      this.#deadline = undefined
      this.#renew()
    } else if (reply.kind === 'old') this.#kicked = true
    else this.#onOk(flight, reply, now)
    this.#tell()
    return true
  }

  /** Reads a published message. Throws a WireError, and changes nothing, if it is for a key that there cannot be. */
  onPush(push: Push, now: number): void {
    this.#expire(now)
    // One for a former incarnation is about permits that the server has taken back since.
    if (push.incarnation === this.#incarnation) this.#hear(push, now)
    this.#tell()
  }

  #hear(push: Push, now: number): void {
    const known = this.#accounts.get(push.key)
    if (known === undefined && !this.#keyed)
      throw new WireError(`A push for ${JSON.stringify(push.key)}, not the one key`)
    const current = this.#registered && push.epoch === this.#epoch
    if (!current || (known !== undefined && !known.hasRead(push.rejections))) {
      if (known !== undefined) this.#untold.add(known)
      this.#kicked = true
    } else {
      // A key that was forgotten has been granted something after all: it goes back.
      const account = known ?? this.#account(push.key)
      this.#revision = Math.max(this.#revision, push.revision)
      this.#apply(account, push, push.revision, now)
    }
  }

  #onOk({ request, sentAt, accounts }: Flight<Waiter>, reply: SyncReply & { kind: 'ok' }, now: number): void {
    const moved = this.#registered && reply.epoch !== this.#epoch
    this.#revision = reply.epoch === this.#epoch ? Math.max(this.#revision, reply.revision) : reply.revision
    this.#epoch = reply.epoch
    if (!this.#registered) this.#reported = sentAt
    this.#registered = true
    this.#previous = ''
    this.#confirmed = reply.number
    this.#deadline = sentAt + this.#lease
    this.#instances = Math.max(1, reply.instances)
    let astray = moved && this.#keyed
    for (const [index, account] of accounts.entries()) {
      const sent = request.keys[index] as KeyRequest
      const got = reply.keys[index] as KeyReply
      if (this.#read(account, sent, got, reply.revision, now)) astray = true
    }
    if (request.bye) this.#closed = true
    else if (astray) this.#renew()
  }

  /** True if the server has lost wants, so that only a new incarnation helps. */
  #read(account: Account<Waiter>, sent: KeyRequest, got: KeyReply, revision: number, now: number): boolean {
    account.acknowledge(sent, got)
    const mine = account.adopt(got)
    if (mine !== undefined) this.#differing.push({ key: account.key, theirs: account.limits, mine })
    for (const want of account.rejected(got)) {
      this.#rejected.push({ want, cause: got.limit > 0 && want.weight > got.limit ? 'heavier' : 'full' })
    }
    if (got.granted < account.granted || got.gap) this.#kicked = true
    this.#apply(account, got, revision, now)
    if (account.urgent) this.#kicked = true
    if (!account.untold) this.#untold.delete(account)
    if (this.#keyed && account.isOver(sent, got)) this.#forget(account)
    return !got.gap && account.misses(got.queued)
  }

  #apply(
    account: Account<Waiter>,
    { granted, served, pressure }: { granted: number; served: number; pressure: boolean },
    revision: number,
    now: number,
  ): void {
    this.#fence = revision
    for (const want of account.apply(granted, served)) {
      this.#inUse += want.weight
      this.#granted.push(want)
    }
    if (account.wants.size === 0) this.#asking.delete(account)
    account.hear(pressure, revision)
    this.#untold.add(account)
    this.#settle(account, now)
  }

  /** Gives the surplus back, or notes that it is kept. */
  #settle(account: Account<Waiter>, now: number): void {
    const { surplus } = account
    if (surplus === 0) {
      this.#idle.delete(account)
    } else if (this.#mayKeep(account)) {
      if (this.#idle.has(account)) return
      account.idleSince = now
      account.idle = surplus
      this.#idle.add(account)
    } else {
      this.#idle.delete(account)
      account.giveBack(surplus)
      this.#touch(account)
    }
  }

  #mayKeep(account: Account<Waiter>): boolean {
    if (!this.#local || this.#closing || account.pressure || account.wants.size > 0) return false
    // Else a limit once lowered is never reached where permits come back as fast as they are taken.
    return account.used + account.surplus <= account.limits.limit
  }

  /** The accounts that the next request is about. */
  #due(): Account<Waiter>[] {
    const due: Account<Waiter>[] = []
    let room = MOST_KEYS
    for (const account of this.#untold) {
      // What a new incarnation holds has to be in its first request, since that drops the former one.
      if (account.used > 0 && !this.#registered) due.push(account)
      else if (room-- > 0) due.push(account)
      else if (account.urgent) this.#kicked = true
    }
    if (!this.#keyed) return [...this.#accounts.values()]
    const asking: Account<Waiter>[] = []
    for (const account of this.#asking) {
      if (room <= 0) break
      if (this.#untold.has(account)) continue
      room--
      asking.push(account)
    }
    for (const account of asking) {
      this.#asking.delete(account)
      this.#asking.add(account)
    }
    return due.concat(asking)
  }

  #account(key: string): Account<Waiter> {
    let account = this.#accounts.get(key)
    if (account === undefined) {
      account = new Account(key, this.#limits, this.#version, this.#highWater)
      this.#accounts.set(key, account)
      this.#untold.add(account)
    }
    return account
  }

  #forget(account: Account<Waiter>): void {
    this.#highWater = Math.max(this.#highWater, account.granted)
    this.#accounts.delete(account.key)
    this.#untold.delete(account)
    this.#idle.delete(account)
  }

  /**
   * Begins a new incarnation, in the place of one whose counters the server has or may have lost. Permits
   * held are reported as granted to it. The lease goes on: until it is confirmed, that of the former holds.
   */
  #renew(): void {
    if (this.#introduced !== undefined) this.#previous = this.#incarnation
    this.#incarnation = `${this.#instance}.${++this.#generation}`
    this.#introduced = undefined
    this.#registered = false
    this.#confirmed = 0
    this.#highWater = 0
    this.#flight = undefined
    this.#idle.clear()
    for (const account of this.#accounts.values()) {
      account.renew(() => ++this.#sequence)
      if (this.#keyed && account.used === 0 && account.wants.size === 0) this.#forget(account)
      else this.#untold.add(account)
    }
    this.#kicked = true
  }

  #touch(account: Account<Waiter>): void {
    this.#untold.add(account)
    this.#kicked = true
  }

  #tell(): void {
    const listener = this.#listener
    if (this.#lost) {
      this.#lost = false
      const holdings: Holding[] = []
      for (const { key, used } of this.#accounts.values()) if (used > 0) holdings.push({ key, weight: used })
      listener.lost(holdings)
    }
    if (this.#differing.length > 0) {
      const differing = this.#differing
      this.#differing = []
      for (const { key, theirs, mine } of differing) listener.limitsDiffer(key, theirs, mine)
    }
    if (this.#rejected.length > 0) {
      const rejected = this.#rejected
      this.#rejected = []
      for (const { want, cause } of rejected) listener.rejected(want, cause)
    }
    if (this.#granted.length > 0) {
      const granted = this.#granted
      const fence = this.#fence
      this.#granted = []
      for (const want of granted) listener.granted(want, fence)
    }
    if (this.#kicked) {
      this.#kicked = false
      listener.kick()
    }
  }
}
