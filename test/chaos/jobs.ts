import type { Permit } from '@lineclear/core'
import { RejectedError } from '@lineclear/core'
import { turnOfTheLoop } from '../http/helpers.ts'
import type { Findings } from './findings.ts'
import type { Random } from './random.ts'
import type { WatchedLimiter } from './watched-limiter.ts'

/**
 * Other users of a limiter in the process: they give permits back and cancel those who wait in one
 * turn, so that a waiter gives up between its grant and being told.
 */
export class Jobs {
  waiting = 0
  holding = 0
  done = 0
  readonly #limiter: WatchedLimiter
  readonly #findings: Findings
  readonly #cancels: Set<AbortController> = new Set()
  readonly #running: Set<Promise<void>> = new Set()

  constructor(limiter: WatchedLimiter, findings: Findings) {
    this.#limiter = limiter
    this.#findings = findings
  }

  /** Sends some, which do what is drawn now. */
  send(random: Random): void {
    // One signal for several, now and then.
    const shared = random.chance(0.3) ? new AbortController() : undefined
    for (let count = random.between(1, 4); count > 0; count--) {
      const turns = random.between(1, 4)
      const timeout = random.pick([0, 3, Infinity, undefined])
      const cancels = random.chance(0.6)
      const running = this.#work(shared ?? new AbortController(), turns, timeout, cancels)
      this.#running.add(running)
      running.finally(() => this.#running.delete(running))
    }
  }

  /** Resolves when all are done. */
  async rest(): Promise<void> {
    await Promise.all(this.#running)
  }

  toString(): string {
    return `${this.waiting} jobs waiting, ${this.holding} holding`
  }

  async #work(
    cancel: AbortController,
    turns: number,
    timeout: number | undefined,
    cancels: boolean,
  ): Promise<void> {
    const permit = await this.#wait(cancel, timeout)
    if (permit === undefined) return
    this.holding++
    for (let turn = 0; turn < turns; turn++) await turnOfTheLoop()
    this.holding--
    permit.release()
    if (cancels) for (const other of this.#cancels) other.abort(LEAVE)
    this.done++
  }

  async #wait(cancel: AbortController, timeout: number | undefined): Promise<Permit | undefined> {
    this.waiting++
    this.#cancels.add(cancel)
    try {
      return await this.#limiter.semaphore.acquire({ signal: cancel.signal, timeout })
    } catch (error) {
      if (error !== LEAVE && !(error instanceof RejectedError)) this.#findings.add(`A job got ${error}`)
      return undefined
    } finally {
      this.waiting--
      this.#cancels.delete(cancel)
    }
  }
}

const LEAVE = new Error('A job was cancelled')
