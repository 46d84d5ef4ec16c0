import { Want, WantList } from './want-list.ts'
import type { KeyReply, KeyRequest, Run } from './wire.ts'

/** How many permits there are, and how many may wait for them, over all instances. */
export interface Limits {
  readonly limit: number
  readonly capacity: number
}

/**
 * The counters of one key. `granted - returned` is what the server holds to be ours; `used` of it is held
 * by somebody. The difference is the surplus: permits granted to wants that were cancelled, which go back,
 * or in local mode stay for a moment.
 */
export class Account<Waiter> {
  readonly key: string
  readonly wants: WantList<Waiter> = new WantList()
  limits: Limits
  version: number
  used = 0
  /** The server's word on whether anybody waits, and the revision at which it said so. */
  pressure = false
  /** In local mode: when the surplus was last looked at, and the least there was since. */
  idleSince = 0
  idle = 0

  #granted: number
  #returned: number
  #served = 0
  #rejections = 0
  #acknowledged = 0
  #sent = 0
  /** How many of the wants up to `#acknowledged` wait. */
  #acknowledgedWaiting = 0
  #pressureSince = 0
  #resizing = false
  readonly #cancels = new Map<number, number>()
  /** The last request that was answered. */
  #told: KeyRequest | undefined

  /** The counters begin at `start`: not below those of a record of the same key that was forgotten. */
  constructor(key: string, limits: Limits, version: number, start: number) {
    this.key = key
    this.limits = limits
    this.version = version
    this.#granted = start
    this.#returned = start
  }

  get granted(): number {
    return this.#granted
  }

  get surplus(): number {
    return this.#granted - this.#returned - this.used
  }

  acquire(weight: number, waiter: Waiter, sequence: number): Want<Waiter> {
    const want = new Want(this, weight, waiter, sequence)
    this.wants.push(want)
    return want
  }

  cancel(want: Want<Waiter>): void {
    this.#leave(want, 'cancelled')
    // The server may have it, though no reply has said so.
    if (want.sequence <= this.#sent) this.#cancels.set(want.sequence, want.weight)
  }

  /** Holds permits without asking, from the surplus or beyond what was granted; the next request tells. */
  take(weight: number): void {
    this.used += weight
    this.idle = Math.min(this.idle, Math.max(0, this.surplus))
    this.#report()
  }

  /** Gives `weight` of the surplus back to the server. */
  giveBack(weight: number): void {
    this.#returned += weight
  }

  resize(limit: number, version: number = this.version + 1): void {
    this.limits = { ...this.limits, limit }
    this.version = version
    this.#resizing = true
  }

  /** A new incarnation begins: what is held is reported as granted to it, and who waits queues anew. */
  renew(next: () => number): void {
    this.#returned = 0
    this.#granted = this.used
    this.#served = 0
    this.#rejections = 0
    this.#acknowledged = 0
    this.#acknowledgedWaiting = 0
    this.#cancels.clear()
    this.#told = undefined
    this.idle = 0
    this.wants.renumber(next)
  }

  /** What to tell the server, with no more than `most` wants. */
  request(most: number): KeyRequest {
    const wants: { first: number; count: number; weight: number }[] = []
    let wanted = this.#acknowledged
    let run: { first: number; count: number; weight: number } | undefined
    let room = most
    for (const { sequence, weight } of this.wants.after(wanted)) {
      if (room-- <= 0) break
      if (run !== undefined && run.weight === weight && run.first + run.count === sequence) run.count++
      else {
        run = { first: sequence, count: 1, weight }
        wants.push(run)
      }
      wanted = sequence
    }
    this.#sent = Math.max(this.#sent, wanted)
    const cancels = [...this.#cancels].map(([sequence, weight]) => ({ sequence, weight }))
    return {
      key: this.key,
      granted: this.#granted,
      returned: this.#returned,
      served: this.#served,
      rejections: this.#rejections,
      acknowledged: this.#acknowledgedWaiting > 0 ? this.#acknowledged : 0,
      wanted,
      ...this.limits,
      version: this.version,
      wants: wants satisfies Run[],
      cancels,
    }
  }

  /** Whether the server has yet to be told of something. */
  get untold(): boolean {
    const told = this.#told
    return (
      told === undefined ||
      told.granted !== this.#granted ||
      told.rejections !== this.#rejections ||
      this.urgent
    )
  }

  /** Whether it has to be told soon, since somebody may wait for it. */
  get urgent(): boolean {
    const told = this.#told
    const last = this.wants.last()
    return (
      (told === undefined ? this.#returned !== this.#granted : told.returned !== this.#returned) ||
      this.#cancels.size > 0 ||
      (last !== undefined && this.wants.size > 0 && last.sequence > this.#acknowledged) ||
      (told !== undefined && told.version !== this.version)
    )
  }

  /** Nothing is held, waits or is being cancelled, and a reply shows that the server has nothing either. */
  isOver(request: KeyRequest, reply: KeyReply): boolean {
    return (
      this.used === 0 &&
      this.wants.size === 0 &&
      !this.untold &&
      this.#granted === this.#returned &&
      reply.granted === request.returned &&
      reply.queued === 0 &&
      reply.log.length === 0
    )
  }

  /** The reply has arrived: cancels and wants that it carried are known to the server. */
  acknowledge(request: KeyRequest, reply: KeyReply): void {
    this.#told = request
    for (const { sequence } of request.cancels) this.#cancels.delete(sequence)
    if (reply.gap) {
      this.#acknowledged = reply.wanted
      this.#acknowledgedWaiting = 0
      for (const want of this.wants.waiting()) if (want.sequence <= reply.wanted) this.#acknowledgedWaiting++
    } else if (request.wanted > this.#acknowledged) {
      for (const want of this.wants.after(this.#acknowledged)) {
        if (want.sequence > request.wanted) break
        this.#acknowledgedWaiting++
      }
      this.#acknowledged = request.wanted
    }
  }

  /** Takes over the server's limits. Returns the own ones if they were others and nobody had asked for it. */
  adopt(reply: KeyReply): Limits | undefined {
    if (reply.version < this.version) return undefined
    const mine = this.limits
    const differ = reply.limit !== mine.limit || reply.capacity !== mine.capacity
    if (this.#resizing && differ) {
      // Another instance has resized it too. Ours comes later.
      this.version = reply.version + 1
      this.limits = { limit: mine.limit, capacity: reply.capacity }
      return undefined
    }
    this.#resizing = false
    this.version = reply.version
    this.limits = { limit: reply.limit, capacity: reply.capacity }
    return differ ? mine : undefined
  }

  /** The wants that the log of a reply rejects. Before `apply`: they are below what it served. */
  rejected(reply: KeyReply): Want<Waiter>[] {
    const wants: Want<Waiter>[] = []
    for (const [first, last] of reply.log) {
      const from = Math.max(first, this.wants.first()?.sequence ?? Infinity)
      const till = Math.min(last, this.wants.last()?.sequence ?? 0)
      for (let sequence = from; sequence <= till; sequence++) {
        const want = this.wants.find(sequence)
        if (want === undefined) continue
        this.#leave(want, 'rejected')
        wants.push(want)
      }
    }
    this.#rejections = Math.max(this.#rejections, reply.rejections)
    return wants
  }

  /** Whether all rejections before a push have been read; if not, what it serves is not all granted. */
  hasRead(rejections: number): boolean {
    return rejections === this.#rejections
  }

  /** Takes over the server's counters. Returns the wants that they grant. */
  apply(granted: number, served: number): Want<Waiter>[] {
    const wants: Want<Waiter>[] = []
    for (
      let want = this.wants.first();
      want !== undefined && want.sequence <= served;
      want = this.wants.first()
    ) {
      this.#leave(want, 'granted')
      this.used += want.weight
      wants.push(want)
    }
    this.#granted = Math.max(this.#granted, granted)
    this.#served = Math.max(this.#served, served)
    this.#report()
    return wants
  }

  hear(pressure: boolean, revision: number): void {
    if (revision < this.#pressureSince) return
    this.pressure = pressure
    this.#pressureSince = revision
  }

  /** Whether the server has lost some of the wants that it had acknowledged. */
  misses(queued: number): boolean {
    return this.#acknowledgedWaiting > queued
  }

  /** More may be held than was granted: in degraded mode, or after the server has lost its data. */
  #report(): void {
    this.#granted = Math.max(this.#granted, this.#returned + this.used)
  }

  #leave(want: Want<Waiter>, state: 'granted' | 'rejected' | 'cancelled'): void {
    this.wants.leave(want, state)
    if (want.sequence <= this.#acknowledged) this.#acknowledgedWaiting--
  }
}
