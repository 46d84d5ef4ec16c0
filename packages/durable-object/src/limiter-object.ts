import { DurableObject } from 'cloudflare:workers'
import type { Limiter } from '@lineclear/core'
import { Place, type PlaceRequest } from './place.ts'

/** For a health page: what the limiter of an object tells of itself. */
export interface LimiterState {
  limit: number | undefined
  inUse: number | undefined
  waiting: number | undefined
}

/** What an object passes on, where its limiter has it; a `BoundedSemaphore` has it all. */
interface Managed {
  readonly inUse?: number
  readonly waiting?: number
  resize?(limit: number): void
  close?(reason?: unknown): void
  drain?(): Promise<void>
}

/**
 * A Durable Object that holds a limiter for all isolates. Extend it, give it a `limiter`, export it from
 * your Worker, and ask it through `durableLimiter()`.
 *
 * The limiter is in memory. An object that is restarted, by a deployment or by Cloudflare, starts anew:
 * nothing in use, nobody waiting, not closed, not resized.
 */
export abstract class LimiterObject<Env = unknown> extends DurableObject<Env> {
  /** Who may be inside. Its time-outs and its queue count for all callers. Not reachable from outside. */
  abstract readonly limiter: Limiter & Managed

  /** A place for one caller, at once; what becomes of it says `answer()`. For `durableLimiter()`. */
  join(request: PlaceRequest = {}): Place {
    return new Place(this.limiter, request)
  }

  /** What the limiter tells of itself; `undefined` for what it does not. */
  state(): LimiterState {
    const { limit, inUse, waiting } = this.limiter
    return { limit, inUse, waiting }
  }

  /**
   * As the limiter's own `resize`, until the object is restarted.
   *
   * @throws TypeError or RangeError as that does, or TypeError if the limiter has none.
   */
  resize(limit: number): void {
    this.#managed('resize').resize(limit)
  }

  /**
   * As the limiter's own `close`, until the object is restarted. Callers are told that the limiter is
   * `closed`, but not `reason`.
   *
   * @throws TypeError if the limiter has no `close`.
   */
  close(reason?: unknown): void {
    this.#managed('close').close(reason)
  }

  /** As the limiter's own `drain`: resolves when nothing is in use and nobody waits. */
  async drain(): Promise<void> {
    return this.#managed('drain').drain()
  }

  #managed(method: 'resize' | 'close' | 'drain'): Required<Managed> {
    const limiter: Managed = this.limiter
    if (limiter[method] === undefined) throw new TypeError(`the limiter of this object has no ${method}()`)
    return limiter as Required<Managed>
  }
}
