/// <reference lib="esnext.disposable" preserve="true" />

import type { Permit } from '@lineclear/core'

/** A permit of a `redisLimiter`. It lasts as long as Redis hears of its process: the lease. */
export interface RedisPermit extends Permit {
  /**
   * Aborts when the lease is lost while the permit is in use: others may be given it now, so stop. It
   * counts on until it is released.
   */
  readonly signal: AbortSignal
  /**
   * For the resource behind the limit, which may refuse whoever comes with a lower number than it has seen.
   * Nobody who held the permit before has as high a one, unless Redis fell back to old data (a stale replica)
   * or its clock was set back as it lost them. Permits that may be held together may have the same, and with
   * `local-first` those that one process hands on to itself. Undefined for a permit that was given out while
   * Redis did not answer.
   */
  readonly fence: number | undefined
}

/** Why a permit's signal aborts. */
export class LeaseLostError extends Error {
  static {
    LeaseLostError.prototype.name = 'LeaseLostError'
  }

  constructor() {
    super('Redis has heard nothing of this process for the length of its lease: others may hold its permits')
  }
}

/** Told when a permit is released. */
export interface Giver {
  takeBack(permit: GivenPermit): void
}

export class GivenPermit implements RedisPermit {
  readonly fence: number | undefined
  readonly key: string
  readonly weight: number
  #giver: Giver | undefined
  #controller: AbortController | undefined
  #lost: LeaseLostError | undefined

  constructor(fence: number | undefined, key: string, weight: number, giver?: Giver) {
    this.fence = fence
    this.key = key
    this.weight = weight
    this.#giver = giver
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#lost !== undefined) this.#controller.abort(this.#lost)
    }
    return this.#controller.signal
  }

  lose(reason: LeaseLostError): void {
    this.#lost = reason
    this.#controller?.abort(reason)
  }

  release(): void {
    const giver = this.#giver
    this.#giver = undefined
    giver?.takeBack(this)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
