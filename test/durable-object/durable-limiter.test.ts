import { getEventListeners } from 'node:events'
import { BoundedSemaphore, type Outcome, type Permit } from '@lineclear/core'
import { durableLimiter, LimiterObject, type LimiterStub, type PlaceRequest } from '@lineclear/durable-object'
import { describe, expect, it, vi } from 'vitest'

// What needs no workerd: the two ends, without calls between them, so that each turn can be told apart.
vi.mock('cloudflare:workers', () => ({
  DurableObject: class {},
  RpcTarget: class {},
  waitUntil: () => {},
}))

class One extends LimiterObject {
  limiter = new BoundedSemaphore(1, { queue: 3 })
}

class Unmanaged extends LimiterObject {
  limiter = { tryAcquire: () => undefined, acquire: () => new Promise<Permit>(() => {}) }
}

/** A stub that notes what it is asked, and answers as it is told. */
function stub(answer: () => PromiseLike<unknown> = async () => 'granted'): LimiterStub & {
  requests: PlaceRequest[]
  outcomes: Outcome[]
  disposed: number
} {
  const noted = {
    requests: [] as PlaceRequest[],
    outcomes: [] as Outcome[],
    disposed: 0,
    join(request: PlaceRequest) {
      noted.requests.push(request)
      const place = {
        [Symbol.dispose]: () => {
          noted.disposed++
        },
      }
      return Object.assign(Promise.resolve(place), {
        answer: answer as () => PromiseLike<'granted'>,
        release: async (outcome: Outcome) => {
          noted.outcomes.push(outcome)
        },
      })
    },
  }
  return noted
}

async function flush(): Promise<void> {
  for (let i = 0; i < 20; i++) await undefined
}

describe('durableLimiter', () => {
  it('sends all of a request but its signal', async () => {
    const object = stub()
    const { signal } = new AbortController()
    await durableLimiter(() => object).acquire({ signal, timeout: 50, weight: 2, priority: 3, key: 'k' })
    expect(object.requests).toEqual([{ timeout: 50, weight: 2, priority: 3, key: 'k' }])
  })

  it('has a time-out of its own, for requests that do not say', async () => {
    const object = stub()
    const limiter = durableLimiter(() => object, { timeout: 70 })
    expect(limiter.timeout).toBe(70)
    await limiter.acquire()
    await limiter.acquire({ timeout: 80 })
    expect(object.requests.map(({ timeout }) => timeout)).toEqual([70, 80])
  })

  it('looks the object up for each request, by its key', async () => {
    const find = vi.fn(() => stub())
    const limiter = durableLimiter(find)
    await limiter.acquire({ key: 'a' })
    await limiter.acquire()
    expect(find.mock.calls).toEqual([['a'], [undefined]])
  })

  it('rejects with what looking the object up throws', async () => {
    const limiter = durableLimiter(() => {
      throw new Error('no binding')
    })
    await expect(limiter.acquire()).rejects.toThrow('no binding')
  })

  it('rejects with what a failed call rejects with, and holds nothing', async () => {
    const object = stub(() => Promise.reject(new Error('overloaded')))
    await expect(durableLimiter(() => object).acquire()).rejects.toThrow('overloaded')
    expect(object.requests.length).toBe(1)
    await flush()
    expect(object.outcomes).toEqual(['ignored'])
  })

  it('joins once more, and not twice, when the object was restarted', async () => {
    const object = stub(() => Promise.reject(Object.assign(new Error('reset'), { durableObjectReset: true })))
    await expect(durableLimiter(() => object).acquire()).rejects.toThrow('reset')
    expect(object.requests.length).toBe(2)
  })

  it('gives back once, tells the outcome, and lets go of the place', async () => {
    const object = stub()
    const limiter = durableLimiter(() => object)
    for (const outcome of ['dropped', undefined] as const) {
      const permit = await limiter.acquire()
      permit.release(outcome)
      permit.release('ignored')
      permit[Symbol.dispose]()
    }
    await flush()
    expect(object.outcomes).toEqual(['dropped', 'success'])
    expect(object.disposed).toBe(2)
  })

  it('gives the permit back of a signal that aborts between the answer and its arrival', async () => {
    const controller = new AbortController()
    const reason = new Error('too late')
    const answer = {
      // biome-ignore lint/suspicious/noThenProperty: to abort in the very turn of the answer
      then(told: (answer: string) => void) {
        told('granted')
        controller.abort(reason)
      },
    }
    const object = stub(() => answer as PromiseLike<string>)
    await expect(durableLimiter(() => object).acquire({ signal: controller.signal })).rejects.toBe(reason)
    await flush()
    expect(object.outcomes).toEqual(['ignored'])
  })

  it('gives the object time to answer who does not want to wait', async () => {
    vi.useFakeTimers()
    try {
      const late = (ms: number) => () => new Promise((resolve) => setTimeout(resolve, ms, 'granted'))
      const ask = (ms: number, options = {}) =>
        durableLimiter(() => stub(late(ms)), options)
          .acquire({ timeout: 0 })
          .then(
            () => 'granted',
            (error) => error.reason,
          )
      const answers = [ask(999), ask(1001), ask(49, { answerWithin: 50 }), ask(51, { answerWithin: 50 })]
      await vi.advanceTimersByTimeAsync(2000)
      expect(await Promise.all(answers)).toEqual(['granted', 'timeout', 'granted', 'timeout'])
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('leaves no timer and no listener behind', async () => {
    vi.useFakeTimers()
    try {
      const { signal } = new AbortController()
      await durableLimiter(() => stub()).acquire({ signal, timeout: 5000 })
      expect(vi.getTimerCount()).toBe(0)
      expect(getEventListeners(signal, 'abort')).toEqual([])
    } finally {
      vi.useRealTimers()
    }
  })

  it('refuses requests that no limiter would serve', async () => {
    const limiter = durableLimiter(() => stub())
    await expect(limiter.acquire({ weight: -1 })).rejects.toThrow('weight must be')
    expect(() => limiter.tryAcquire({ timeout: -1 })).toThrow('timeout must be')
  })

  it('names the option that is wrong, and the value received', () => {
    // @ts-expect-error a stub instead of what looks one up
    expect(() => durableLimiter(stub())).toThrow('find must be a function that returns a stub; received')
    // @ts-expect-error an unknown option
    expect(() => durableLimiter(() => stub(), { timeOut: 5 })).toThrow('options has no option "timeOut"')
    expect(() => durableLimiter(() => stub(), { timeout: -5 })).toThrow('received -5')
    expect(() => durableLimiter(() => stub(), { answerWithin: NaN })).toThrow('answerWithin must be')
  })
})

describe('LimiterObject', () => {
  it('loses no permit, in whichever turn after the grant its caller leaves', async () => {
    for (let turns = 0; turns < 10; turns++) {
      const object = new One({}, {})
      const [holder, waiter] = [object.join(), object.join()]
      await flush()
      holder.release()
      for (let i = 0; i < turns; i++) await undefined
      waiter[Symbol.dispose]()
      await flush()
      expect(object.state()).toEqual({ limit: 1, inUse: 0, waiting: 0 })
    }
  })

  it('says nothing of a bad request to a caller that does not ask', async () => {
    const unhandled = vi.fn()
    process.once('unhandledRejection', unhandled)
    const place = new One({}, {}).join({ weight: 2 })
    await new Promise((resolve) => setImmediate(resolve))
    expect(unhandled).not.toHaveBeenCalled()
    process.off('unhandledRejection', unhandled)
    await expect(place.answer()).rejects.toThrow(RangeError)
  })

  it('says which of its methods the limiter does not have', async () => {
    const object = new Unmanaged({}, {})
    expect(() => object.resize(5)).toThrow('the limiter of this object has no resize()')
    expect(() => object.close()).toThrow('has no close()')
    await expect(object.drain()).rejects.toThrow('has no drain()')
    expect(object.state()).toEqual({ limit: undefined, inUse: undefined, waiting: undefined })
  })
})
