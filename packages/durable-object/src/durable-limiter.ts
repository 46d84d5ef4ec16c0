import { type AcquireRequest, type Limiter, type Permit, RejectedError } from '@lineclear/core'
import { checkDuration, checkOptions, checkRequest, wrongType } from '@lineclear/core/check'
import { Patience } from './patience.ts'
import type { PlaceRequest } from './place.ts'
import { type PlaceStub, RemotePlace } from './remote-place.ts'

/** The stub of a `LimiterObject`, as `namespace.get(id)` returns it. */
export interface LimiterStub {
  join(request: PlaceRequest): PlaceStub
}

/** Looks the object up. It is told the `key` of the request, so that each key can have its own object. */
export type FindLimiter = (key: string | undefined) => LimiterStub

export interface DurableLimiterOptions {
  /** The longest wait in ms where a request does not say. Default: as long as the object lets it wait. */
  timeout?: number | undefined
  /** The longest that a request with a `timeout` of 0 waits for the object's answer, in ms. Default 1000. */
  answerWithin?: number | undefined
}

const ANSWER_WITHIN = 1000

/**
 * A limiter whose permits a `LimiterObject` holds, for all isolates that ask it.
 *
 * `tryAcquire()` gives no permit, ever: to know it would have to ask. `acquire()` does, and costs one
 * trip to the object. A permit lasts no longer than the request that acquired it: when that is over, or
 * its client gone, or its isolate, the permit goes to whoever is next.
 *
 * `timeout` counts from the call, the trip included, and holds also if the object does not answer.
 * `acquire()` also rejects with what a failed call rejects with. Who waits at an object that is restarted
 * joins its new queue, at the end, once.
 *
 * @param find called for each request, since a stub belongs to the request that looked it up
 * @throws TypeError or RangeError for bad options, naming the option and the value received.
 */
export function durableLimiter(find: FindLimiter, options: DurableLimiterOptions = {}): Limiter {
  return new DurableLimiter(find, options)
}

class DurableLimiter implements Limiter {
  readonly timeout: number | undefined
  readonly #answerWithin: number
  readonly #find: FindLimiter

  constructor(find: FindLimiter, options: DurableLimiterOptions) {
    if (typeof find !== 'function') throw wrongType('find', 'a function that returns a stub', find)
    checkOptions('options', options, ['timeout', 'answerWithin'])
    const { timeout, answerWithin = ANSWER_WITHIN } = options
    if (timeout !== undefined) checkDuration('timeout', timeout)
    checkDuration('answerWithin', answerWithin)
    this.timeout = timeout
    this.#answerWithin = answerWithin
    this.#find = find
  }

  tryAcquire(request: AcquireRequest = {}): undefined {
    checkRequest(request)
  }

  async acquire(request: AcquireRequest = {}): Promise<Permit> {
    checkRequest(request)
    const { signal, timeout = this.timeout, ...wishes } = request
    signal?.throwIfAborted()
    const patience = new Patience(signal, timeout === 0 ? this.#answerWithin : (timeout ?? Infinity))
    const join = (): Promise<Permit> => this.#join({ ...wishes, timeout }, patience)
    try {
      return await join().catch((error) => {
        if (wasReset(error)) return join()
        throw error
      })
    } finally {
      patience.end()
    }
  }

  async #join(request: PlaceRequest, patience: Patience): Promise<Permit> {
    const place = new RemotePlace(this.#find(request.key).join(request))
    try {
      const answer = await patience.race(place.answer())
      if (answer === 'granted') return place
      const { reason, retryAfter, detail } = answer
      throw new RejectedError(reason, { retryAfter, detail })
    } catch (error) {
      place.release('ignored')
      throw error
    }
  }
}

/** Whether a call failed because the object was restarted. */
function wasReset(error: unknown): boolean {
  return (error as { durableObjectReset?: unknown } | null)?.durableObjectReset === true
}
