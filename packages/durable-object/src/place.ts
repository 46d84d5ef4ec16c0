import { RpcTarget } from 'cloudflare:workers'
import { type AcquireRequest, type Limiter, type Outcome, type Permit, RejectedError } from '@lineclear/core'

/** What a caller asks the object for. It leaves by `release()`, so it sends no signal. */
export type PlaceRequest = Omit<AcquireRequest, 'signal'>

/** A permit, or why there is none: as a value, since an error may lose its properties on the way. */
export type Answer = 'granted' | Pick<RejectedError, 'reason' | 'retryAfter' | 'detail'>

// Who has left asks for no answer.
const LEFT = new RejectedError('evicted')

/**
 * One caller's place in the queue, and its permit from when its turn has come. Workers dispose of it
 * when its caller is gone, in whichever way.
 */
export class Place extends RpcTarget {
  readonly #leaving = new AbortController()
  readonly #answer: Promise<Answer>
  #permit: Permit | undefined
  #over = false

  constructor(limiter: Limiter, request: PlaceRequest) {
    super()
    this.#answer = this.#wait(limiter, request)
    // A caller may be gone before it asks.
    this.#answer.catch(() => {})
  }

  /** Resolves when it is this place's turn, or it has lost it. Rejects for a bad request. */
  answer(): Promise<Answer> {
    return this.#answer
  }

  /** Gives the permit back, or leaves the queue. Later calls do nothing. */
  release(outcome: Outcome = 'success'): void {
    if (this.#over) return
    this.#over = true
    if (this.#permit === undefined) this.#leaving.abort(LEFT)
    else this.#permit.release(outcome)
  }

  [Symbol.dispose](): void {
    this.release('ignored')
  }

  async #wait(limiter: Limiter, request: PlaceRequest): Promise<Answer> {
    try {
      const { signal } = this.#leaving
      const permit = limiter.tryAcquire(request) ?? (await limiter.acquire({ ...request, signal }))
      this.#permit = permit
      // It may have left between the grant and now.
      if (this.#over) permit.release('ignored')
      return 'granted'
    } catch (error) {
      if (isRejected(error))
        return { reason: error.reason, retryAfter: error.retryAfter, detail: error.detail }
      throw error
    }
  }
}

// By name: a Worker may hold two copies of the core.
function isRejected(error: unknown): error is RejectedError {
  return error instanceof Error && error.name === 'RejectedError'
}
