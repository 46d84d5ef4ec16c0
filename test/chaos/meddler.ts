import type { Server } from 'node:http'
import { turnOfTheLoop } from '../http/helpers.ts'
import type { Findings } from './findings.ts'
import type { Jobs } from './jobs.ts'
import type { Random } from './random.ts'
import type { WatchedLimiter } from './watched-limiter.ts'

interface Reach {
  limiter: WatchedLimiter
  jobs: Jobs
  server: Server
  permits: number
  cutOff: boolean
  findings: Findings
}

/** Does to a server in use what operators do: every few requests, something. */
export class Meddler {
  readonly #random: Random
  readonly #reach: Reach
  #until: number
  readonly #pauses: Promise<void>[] = []
  readonly #drains: Promise<void>[] = []

  constructor(random: Random, reach: Reach) {
    this.#random = random
    this.#reach = reach
    this.#until = random.between(5, 25)
  }

  /** A request has come. */
  arrival(): void {
    if (this.#until-- > 0) return
    this.#until = this.#random.between(5, 25)
    this.#meddle()
  }

  /** Undoes what holds requests up. */
  async rest(): Promise<void> {
    await Promise.all(this.#pauses)
    const { limiter, permits } = this.#reach
    limiter.resize(permits)
  }

  /** Resolves when all that was asked to drain has. */
  async drained(): Promise<void> {
    await Promise.all(this.#drains)
  }

  #meddle(): void {
    const random = this.#random
    const { limiter, jobs, server, permits, cutOff } = this.#reach
    switch (random.share({ jobs: 8, resize: 8, pause: 2, replace: 2, drain: 1, cut: cutOff ? 2 : 0 })) {
      case 'jobs':
        jobs.send(random)
        break
      case 'resize':
        limiter.resize(random.between(1, permits * 2))
        break
      case 'pause':
        this.#pauses.push(this.#pause(random.between(1, 30), random.between(1, permits * 2)))
        break
      case 'replace':
        limiter.replace(random.between(1, permits * 2))
        break
      case 'drain':
        this.#drains.push(limiter.semaphore.drain())
        break
      case 'cut':
        // Those who waited are granted their permits in the moment in which they lose their clients.
        if (random.chance(0.5)) limiter.resize(permits * 4)
        server.closeAllConnections()
    }
  }

  async #pause(turns: number, permits: number): Promise<void> {
    this.#reach.limiter.resize(0)
    for (let turn = 0; turn < turns; turn++) await turnOfTheLoop()
    await this.#expectNoDrain()
    this.#reach.limiter.resize(permits)
  }

  /** Not even with nothing in use is a limiter drained at which somebody waits. */
  async #expectNoDrain(): Promise<void> {
    const { limiter, findings } = this.#reach
    const { semaphore } = limiter
    if (semaphore.waiting === 0) return
    let drained = false
    semaphore.drain().then(() => {
      drained = true
    })
    for (let microtask = 0; microtask < 3; microtask++) await undefined
    if (drained && semaphore.waiting > 0) findings.add(`Drained, but ${limiter}`)
  }
}
