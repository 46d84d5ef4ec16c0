import { Heap } from './heap.ts'
import type { Server } from './server.ts'

/** A piece of work, for one station, once. */
export interface Job {
  /** Ms that it takes alone. */
  readonly work: number
  /** For the station alone to change. */
  stage: 'away' | 'queued' | 'busy'
}

/**
 * A server at work. All in service advance at the same speed, which changes as they come and go, so each
 * is due at a fixed point of a virtual time that runs at that speed: a change costs O(1), a job O(log n).
 */
export class Station<T extends Job> {
  readonly #server: Server
  readonly #due = new Heap<T>()
  /** Those that wait inside. A cancelled one stays until its turn, here and among those that are due. */
  #queue: T[] = []
  #head = 0
  #servers: number
  #speed = 1
  #nextChange = 0
  #busy = 0
  #virtual = 0
  #rate = 0
  #now = 0
  #nextAt = Infinity

  constructor(server: Server) {
    this.#server = server
    this.#servers = server.servers
  }

  /** When something happens here next: a job ends, or the server changes. */
  get nextAt(): number {
    return Math.min(this.#nextAt, this.#changeAt)
  }

  get #changeAt(): number {
    return this.#server.changes[this.#nextChange]?.at ?? Infinity
  }

  start(job: T, now: number): void {
    this.#advance(now)
    if (this.#busy < this.#servers) {
      this.#begin(job)
    } else {
      job.stage = 'queued'
      this.#queue.push(job)
    }
    this.#plan()
  }

  /** Stops work on a job, if it is here. */
  cancel(job: T, now: number): void {
    this.#advance(now)
    if (job.stage === 'busy') this.#busy--
    job.stage = 'away'
    this.#refill()
    this.#plan()
  }

  /** Does what is due at `nextAt`. Returns the job that ended, if one did. */
  next(): T | undefined {
    if (this.#changeAt <= this.#nextAt) {
      this.#change()
      return undefined
    }
    this.#now = this.#nextAt
    this.#virtual = this.#due.key
    const job = this.#due.pop() as T
    job.stage = 'away'
    this.#busy--
    this.#refill()
    this.#plan()
    return job
  }

  #change(): void {
    const change = this.#server.changes[this.#nextChange]
    if (change === undefined) return
    this.#advance(change.at)
    this.#nextChange++
    this.#servers = change.servers ?? this.#servers
    this.#speed = change.speed ?? this.#speed
    this.#refill()
    this.#plan()
  }

  #advance(now: number): void {
    this.#virtual += (now - this.#now) * this.#rate
    this.#now = now
  }

  #begin(job: T): void {
    this.#busy++
    job.stage = 'busy'
    this.#due.push(this.#virtual + job.work, job)
  }

  #refill(): void {
    while (this.#busy < this.#servers && this.#head < this.#queue.length) {
      const job = this.#queue[this.#head++] as T
      if (job.stage === 'queued') this.#begin(job)
    }
    if (this.#head > 1000 && this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head)
      this.#head = 0
    }
  }

  #plan(): void {
    while (this.#due.first !== undefined && this.#due.first.stage !== 'busy') this.#due.pop()
    this.#rate = this.#busy === 0 ? 0 : this.#speed * this.#server.rate(this.#busy)
    const left = this.#due.key - this.#virtual
    this.#nextAt = this.#rate > 0 ? this.#now + Math.max(0, left) / this.#rate : Infinity
  }
}
