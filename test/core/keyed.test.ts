import {
  BoundedSemaphore,
  type Keyed,
  type KeyedOptions,
  keyed,
  type Limiter,
  lifo,
  type Permit,
  RejectedError,
  Semaphore,
} from '@lineclear/core'
import { describe, expect, test, vi } from 'vitest'
import { Traces } from '../traces.ts'
import { ask, askTimes, countFree, flush, outcomes, take, thrownBy, VirtualClock } from './helpers.ts'

/** One permit a key, and what was made. */
function oneEach(options?: KeyedOptions): { limiter: Keyed<BoundedSemaphore>; made: unknown[] } {
  const made: unknown[] = []
  const limiter = keyed((key) => {
    made.push(key)
    return new BoundedSemaphore(1)
  }, options)
  made.length = 0
  return { limiter, made }
}

function state({ keys, inUse, waiting }: Keyed): string {
  return `${keys} keys, ${inUse} in use, ${waiting} waiting`
}

describe('a key', () => {
  test('has a limit of its own', () => {
    const { limiter } = oneEach()
    take(limiter, { key: 'a' })
    expect(limiter.tryAcquire({ key: 'a' })).toBeUndefined()
    take(limiter, { key: 'b' })
    expect(state(limiter)).toBe('2 keys, 2 in use, 0 waiting')
  })

  test('that many ask for at once has one limiter', async () => {
    const { limiter, made } = oneEach()
    const permit = take(limiter, { key: 'a' })
    const [first, second] = askTimes(2, limiter, { key: 'a' })
    permit.release()
    expect(await first?.settled).toBe('permit')
    expect(second?.outcome).toBe('pending')
    expect(made).toEqual(['a'])
  })

  test('with a limit of its own is told apart by what make is told', () => {
    const limiter = keyed((key) => new BoundedSemaphore(key === 'premium' ? 10 : 2))
    take(limiter, { key: 'premium', weight: 10 })
    expect(() => limiter.tryAcquire({ key: 'other', weight: 3 })).toThrow(RangeError)
    expect(limiter.keys).toBe(1)
  })

  test.each(['', '__proto__', 'constructor', 'toString', 'undefined', '\0', '🚦'])('may be %j', (key) => {
    const { limiter, made } = oneEach()
    const permit = take(limiter, { key })
    expect(limiter.tryAcquire({ key })).toBeUndefined()
    expect(limiter.get(key)?.inUse).toBe(1)
    take(limiter)
    permit.release()
    expect(made).toEqual([key])
    expect(limiter.keys).toBe(0)
  })

  test('may share its limiter with another', async () => {
    const shared = new BoundedSemaphore(1)
    const limiter = keyed(() => shared)
    const permit = take(limiter, { key: 'a' })
    const waiter = ask(limiter, { key: 'b' })
    expect(state(limiter)).toBe('2 keys, 1 in use, 1 waiting')
    permit.release()
    expect(limiter.get('a')).toBeUndefined()
    expect(await waiter.settled).toBe('permit')
    waiter.release()
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })
})

describe('the limit of a key', () => {
  const made: unknown[] = []
  const make = (key?: string): BoundedSemaphore => {
    made.push(key)
    return new BoundedSemaphore(key?.length ?? 7)
  }

  test('is that which it has, or would have, and nothing is kept to know it', () => {
    const limiter = keyed(make)
    expect(['a', 'bb', undefined].map((key) => limiter.limitOf(key))).toEqual([1, 2, 7])
    expect([limiter.keys, limiter.limit]).toEqual([0, 7])
    take(limiter, { key: 'a' })
    limiter.get('a')?.resize(5)
    expect(limiter.limitOf('a')).toBe(5)
  })

  test('is that of those without a key where it shares theirs, and nobody knows it where it is refused', () => {
    const [sharing, refusing] = [keyed(make, { maxKeys: 1, onMaxKeys: 'share' }), keyed(make, { maxKeys: 1 })]
    for (const limiter of [sharing, refusing]) take(limiter, { key: 'a' })
    made.length = 0
    expect([sharing.limitOf('bb'), refusing.limitOf('bb')]).toEqual([7, undefined])
    expect(made).toEqual([])
    expect(() => refusing.limitOf(5 as never)).toThrow('key must be a string; received 5')
  })
})

describe('requests without a key', () => {
  test('share one limiter, which is no key', () => {
    const { limiter } = oneEach()
    take(limiter)
    expect(limiter.tryAcquire({})).toBeUndefined()
    expect(limiter.tryAcquire({ key: undefined })).toBeUndefined()
    expect(state(limiter)).toBe('0 keys, 1 in use, 0 waiting')
    take(limiter, { key: 'a' })
  })

  test('keep their limiter while nobody uses it', () => {
    const { limiter, made } = oneEach()
    limiter.get()?.resize(3)
    take(limiter).release()
    expect(countFree(limiter)).toBe(3)
    expect(made).toEqual([])
  })

  test('have theirs made before any other, so that a bad make is found at once', () => {
    const make = vi.fn(() => new BoundedSemaphore(1))
    keyed(make)
    expect(make.mock.calls).toEqual([[undefined]])
    const failure = new Error('no')
    const failing = (): Limiter => {
      throw failure
    }
    expect(thrownBy(() => keyed(failing))).toBe(failure)
  })
})

describe('an idle key leaves nothing behind', () => {
  const clock = new VirtualClock()
  const request = { key: 'a', timeout: 100 }

  test('once its permit is released', () => {
    const { limiter, made } = oneEach()
    const permit = take(limiter, request)
    permit.release()
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
    expect(limiter.get('a')).toBeUndefined()
    take(limiter, request)
    expect(made).toEqual(['a', 'a'])
  })

  test('not before its last permit is, in whatever order', () => {
    const orders = [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]
    for (const order of orders) {
      const limiter = keyed(() => new BoundedSemaphore(3))
      const permits = [take(limiter, request), take(limiter, request), take(limiter, request)]
      const keys = order.map((index) => {
        permits[index]?.release()
        permits[index]?.release()
        return limiter.keys
      })
      expect(keys).toEqual([1, 1, 0])
      expect(limiter.inUse).toBe(0)
    }
  })

  test('though a permit of another time of its key is released again', () => {
    const { limiter } = oneEach()
    const spent = take(limiter, request)
    spent.release()
    take(limiter, request)
    spent.release()
    spent[Symbol.dispose]()
    expect(state(limiter)).toBe('1 keys, 1 in use, 0 waiting')
    expect(limiter.tryAcquire(request)).toBeUndefined()
  })

  test('while somebody waits it stays, and the waiter is served by the same limiter', async () => {
    const { limiter, made } = oneEach()
    const permit = take(limiter, request)
    const waiter = ask(limiter, request)
    permit.release()
    expect(limiter.keys).toBe(1)
    expect(limiter.tryAcquire(request)).toBeUndefined()
    expect(await waiter.settled).toBe('permit')
    expect(state(limiter)).toBe('1 keys, 1 in use, 0 waiting')
    waiter.release()
    expect(limiter.keys).toBe(0)
    expect(made).toEqual(['a'])
  })

  test('where tryAcquire gave nothing', () => {
    const limiter = keyed(() => new BoundedSemaphore(0))
    expect(limiter.tryAcquire(request)).toBeUndefined()
    expect(limiter.keys).toBe(0)
  })

  test('where the request was a bad one', async () => {
    const { limiter } = oneEach()
    expect(() => limiter.tryAcquire({ key: 'a', weight: -1 })).toThrow(RangeError)
    expect(await ask(limiter, { key: 'a', weight: 2 }).settled).toBeInstanceOf(RangeError)
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('where the key was no string, and nothing was made of it', async () => {
    const { limiter, made } = oneEach()
    const bad = { key: 7 } as never
    expect(() => limiter.tryAcquire(bad)).toThrow(new TypeError('key must be a string; received 7'))
    expect(await ask(limiter, bad).settled).toBeInstanceOf(TypeError)
    expect(made).toEqual([])
  })

  const endings: [string, (limiter: Keyed<BoundedSemaphore>, abort: () => void) => void][] = [
    ['gave up', (_, abort) => abort()],
    ['timed out', () => clock.advance(100)],
    ['was closed out', (limiter) => limiter.get('a')?.close()],
    ['was evicted', (limiter) => void ask(limiter, request)],
  ]
  test.each(endings)('where the last one waited and %s', async (_, end) => {
    const limiter = keyed(() => new BoundedSemaphore(0, { queue: lifo(1), clock }))
    const controller = new AbortController()
    const waiter = ask(limiter, { ...request, signal: controller.signal })
    expect(state(limiter)).toBe('1 keys, 0 in use, 1 waiting')
    end(limiter, () => controller.abort())
    await waiter.settled
    expect(waiter.outcome).not.toBe('permit')
    // Who evicted it goes as well.
    clock.advance(100)
    await flush()
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
    expect(clock.timers).toBe(0)
  })

  test.each(endings.slice(0, 3))('where one holds and one waited and %s, in either order', async (_, end) => {
    for (const releaseFirst of [false, true]) {
      const limiter = keyed(() => new BoundedSemaphore(1, { clock }))
      const permit = take(limiter, request)
      const controller = new AbortController()
      const waiter = ask(limiter, { ...request, signal: controller.signal })
      if (releaseFirst) permit.release()
      end(limiter, () => controller.abort())
      await waiter.settled
      await flush()
      if (waiter.outcome === 'permit') waiter.release()
      if (!releaseFirst) {
        expect(state(limiter)).toBe('1 keys, 1 in use, 0 waiting')
        permit.release()
      }
      expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
    }
  })

  test('where the waiter was granted a permit, and gave up before it ran', async () => {
    const { limiter } = oneEach()
    const permit = take(limiter, request)
    const controller = new AbortController()
    const waiter = ask(limiter, { key: 'a', signal: controller.signal })
    permit.release()
    await Promise.resolve()
    controller.abort()
    expect(await waiter.settled).toBe(controller.signal.reason)
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('where a release throws, as that of a semaphore released too often does', () => {
    const { limiter } = oneEach()
    const permit = take(limiter, request)
    limiter.get('a')?.release()
    expect(() => permit.release()).toThrow(RangeError)
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('of its limiter, permits and waiters', async () => {
    const traces = new Traces()
    const limiter = keyed(() => traces.note('limiter', new BoundedSemaphore(1)))
    let spent: Permit | undefined
    await (async () => {
      const permit = traces.note('permit', take(limiter, request))
      const waiter = traces.note('promise', limiter.acquire(request))
      permit.release()
      spent = await waiter
      spent.release()
    })()
    expect(await traces.remains()).toEqual(['limiter'])
    expect(limiter.get()).toBeDefined()
    spent?.release()
  })
})

describe('a flood of keys', () => {
  test('one after the other, a million of them, leaves nothing', () => {
    const limiter = keyed(() => new BoundedSemaphore(1, { queue: 10 }))
    let most = 0
    for (let n = 0; n < 1_000_000; n++) {
      const permit = take(limiter, { key: `key ${n}` })
      most = Math.max(most, limiter.keys)
      permit.release()
    }
    expect(most).toBe(1)
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('at the same time, a million of them, makes as many limiters as there may be, and no more', () => {
    const make = vi.fn(() => new BoundedSemaphore(1))
    const limiter = keyed(make)
    const permits: Permit[] = []
    for (let n = 0; n < 1_000_000; n++) {
      const permit = limiter.tryAcquire({ key: `key ${n}` })
      if (permit !== undefined) permits.push(permit)
    }
    expect(permits).toHaveLength(10_000)
    expect(make).toHaveBeenCalledTimes(10_001)
    expect(limiter.keys).toBe(10_000)
    for (const permit of permits) permit.release()
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('is refused as full, but for those who have a limiter', async () => {
    const { limiter, made } = oneEach({ maxKeys: 2 })
    const permit = take(limiter, { key: 'a' })
    take(limiter, { key: 'b' })
    const waiter = ask(limiter, { key: 'a' })
    expect(limiter.tryAcquire({ key: 'c' })).toBeUndefined()
    expect(await ask(limiter, { key: 'c' }).settled).toBe('full')
    await expect(limiter.acquire({ key: 'c' })).rejects.toThrow('No permit. Too many different keys')
    take(limiter)
    expect(made).toEqual(['a', 'b'])
    permit.release()
    await waiter.settled
    waiter.release()
    take(limiter, { key: 'c' })
  })

  test('that is refused is told of its bad requests and its aborts first', async () => {
    const { limiter } = oneEach({ maxKeys: 1 })
    take(limiter, { key: 'a' })
    const signal = AbortSignal.abort(new Error('left'))
    expect(await ask(limiter, { key: 'b', signal }).settled).toBe(signal.reason)
    expect(await ask(limiter, { key: 'b', weight: -1 }).settled).toBeInstanceOf(RangeError)
    expect(() => limiter.tryAcquire({ key: 'b', timeout: -1 })).toThrow(RangeError)
  })

  test('that shares goes in with those who have no key', async () => {
    const { limiter, made } = oneEach({ maxKeys: 1, onMaxKeys: 'share' })
    const own = take(limiter, { key: 'a' })
    const shared = take(limiter, { key: 'b' })
    const waiters = [ask(limiter, { key: 'c' }), ask(limiter)]
    expect(state(limiter)).toBe('1 keys, 2 in use, 2 waiting')
    expect(made).toEqual(['a'])
    expect(limiter.get('b')).toBeUndefined()
    own.release()
    // There is room for a key again: it gets a limiter of its own.
    take(limiter, { key: 'b' })
    shared.release()
    expect(await waiters[0]?.settled).toBe('permit')
    expect(outcomes(waiters)).toEqual(['permit', 'pending'])
    expect(limiter.keys).toBe(1)
  })

  test('has no bound with Infinity', () => {
    const { limiter } = oneEach({ maxKeys: Infinity })
    for (let n = 0; n < 20_000; n++) take(limiter, { key: String(n) })
    expect(limiter.keys).toBe(20_000)
  })
})

describe('a limiter that is no semaphore', () => {
  test('is counted all the same', async () => {
    // It has nothing but the two methods.
    const limiter = keyed(() => {
      const semaphore = new Semaphore(2)
      return {
        tryAcquire: () => undefined,
        acquire: () => semaphore.acquire(),
      }
    })
    const waiters = askTimes(3, limiter, { key: 'a' })
    expect(state(limiter)).toBe('1 keys, 0 in use, 3 waiting')
    await flush()
    expect(state(limiter)).toBe('1 keys, 2 in use, 1 waiting')
    waiters[0]?.release()
    await flush()
    waiters[1]?.release()
    waiters[2]?.release()
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('that throws from acquire is a rejection, and leaves nothing', async () => {
    const failure = new Error('broken')
    const limiter = keyed(() => ({
      tryAcquire: () => undefined,
      acquire: () => {
        throw failure
      },
    }))
    expect(await ask(limiter, { key: 'a' }).settled).toBe(failure)
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('hears of the outcome, the key, the priority and the weight', async () => {
    const release = vi.fn()
    const permit = { release, [Symbol.dispose]: release }
    const tryAcquire = vi.fn(() => permit)
    const limiter = keyed(() => ({ tryAcquire, acquire: () => Promise.resolve(permit) }))
    const request = { key: 'a', priority: 3, weight: 2 }
    take(limiter, request).release('dropped')
    expect(tryAcquire).toHaveBeenCalledWith(request)
    expect(release.mock.calls).toEqual([['dropped']])
  })
})

describe('make', () => {
  test('that throws makes tryAcquire throw and acquire reject, and nothing is kept', async () => {
    const failure = new Error('no such tenant')
    const limiter = keyed((key) => {
      if (key === 'bad') throw failure
      return new BoundedSemaphore(1)
    })
    expect(thrownBy(() => limiter.tryAcquire({ key: 'bad' }))).toBe(failure)
    expect(await ask(limiter, { key: 'bad' }).settled).toBe(failure)
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
    take(limiter, { key: 'good' })
  })

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [Promise.resolve(new BoundedSemaphore(1)), 'a Promise'],
    [{ tryAcquire() {} }, 'an object'],
    [5, '5'],
  ])('that returns no limiter but %s is an error', async (value, shown) => {
    const error = new TypeError(
      `what make returns must be a limiter, with acquire and tryAcquire; received ${shown}`,
    )
    expect(() => keyed(() => value as never)).toThrow(error)
    const limiter = keyed((key) => (key === undefined ? new BoundedSemaphore(1) : (value as never)))
    expect(() => limiter.tryAcquire({ key: 'a' })).toThrow(error)
    expect(await ask(limiter, { key: 'a' }).settled).toEqual(error)
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('that asks for the same key makes one limiter of it', () => {
    let permit: Permit | undefined
    const made: BoundedSemaphore[] = []
    const limiter: Keyed<BoundedSemaphore> = keyed((key) => {
      if (key !== undefined && made.length === 1) {
        made.push(new BoundedSemaphore(1))
        permit = take(limiter, { key })
      }
      const semaphore = new BoundedSemaphore(1)
      made.push(semaphore)
      return semaphore
    })
    expect(limiter.tryAcquire({ key: 'a' })).toBeUndefined()
    expect(state(limiter)).toBe('1 keys, 1 in use, 0 waiting')
    permit?.release()
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('that asks for other keys does not exceed the bound', () => {
    const limiter: Keyed = keyed(
      (key) => {
        if (key === 'a') take(limiter, { key: 'b' })
        return new BoundedSemaphore(1)
      },
      { maxKeys: 1 },
    )
    expect(limiter.tryAcquire({ key: 'a' })).toBeUndefined()
    expect(state(limiter)).toBe('1 keys, 1 in use, 0 waiting')
    expect(limiter.get('b')).toBeDefined()
  })

  test('that closes it lets nobody in', async () => {
    const limiter: Keyed = keyed((key) => {
      if (key === 'a') limiter.close()
      return new BoundedSemaphore(1)
    })
    expect(await ask(limiter, { key: 'a' }).settled).toBe('closed')
    expect(limiter.keys).toBe(0)
  })
})

describe('it tells of itself', () => {
  test('the time-out and the clock, as without a key', () => {
    const clock = new VirtualClock()
    const limiter = keyed(() => new BoundedSemaphore(1, { timeout: 100, clock }))
    expect([limiter.timeout, limiter.clock]).toEqual([100, clock])
  })

  test('the limit, unless keys differ', () => {
    const limiter = keyed((key) => new BoundedSemaphore(key === 'premium' ? 10 : 2))
    expect(limiter.limit).toBe(2)
    take(limiter, { key: 'a' })
    expect(limiter.limit).toBe(2)
    take(limiter, { key: 'premium' }).release()
    expect(limiter.limit).toBeUndefined()
  })

  test('permits in use by their weight', () => {
    const limiter = keyed(() => new BoundedSemaphore(5))
    const heavy = take(limiter, { key: 'a', weight: 3 })
    const nothing = take(limiter, { key: 'b', weight: 0 })
    expect(state(limiter)).toBe('2 keys, 3 in use, 0 waiting')
    heavy.release()
    expect(state(limiter)).toBe('1 keys, 0 in use, 0 waiting')
    nothing.release()
    expect(limiter.keys).toBe(0)
  })
})

describe('close', () => {
  test('turns away all who wait and all who come, with the reason as the cause', async () => {
    const { limiter } = oneEach()
    const permit = take(limiter, { key: 'a' })
    const reason = new Error('going down')
    const waiter = limiter.acquire({ key: 'a' })
    expect(limiter.full).toBe(false)
    limiter.close(reason)
    limiter.close('again')
    expect(limiter.full).toBe(true)
    for (const refused of [waiter, limiter.acquire({ key: 'b' }), limiter.acquire()]) {
      const error = await refused.catch((error) => error)
      expect(error).toBeInstanceOf(RejectedError)
      expect([error.reason, error.cause]).toEqual(['closed', reason])
    }
    expect(limiter.tryAcquire({ key: 'b' })).toBeUndefined()
    expect(limiter.tryAcquire()).toBeUndefined()
    permit.release()
    expect(state(limiter)).toBe('0 keys, 0 in use, 0 waiting')
  })

  test('without a reason has no cause', async () => {
    const { limiter } = oneEach()
    limiter.close()
    const error = await limiter.acquire({ key: 'a' }).catch((error) => error)
    expect('cause' in error).toBe(false)
  })

  test('closes the others too when one of them throws', async () => {
    const failure = new Error('will not close')
    const limiter = keyed((key) => {
      const semaphore = new BoundedSemaphore(1)
      if (key === 'a') {
        semaphore.close = () => {
          throw failure
        }
      }
      return semaphore
    })
    for (const key of ['a', 'b']) take(limiter, { key })
    const waiter = ask(limiter, { key: 'b' })
    expect(thrownBy(() => limiter.close())).toBe(failure)
    expect(await waiter.settled).toBe('closed')
  })

  test('leaves those alone who wait at a limiter that has none', async () => {
    const semaphore = new Semaphore(0)
    const limiter = keyed(() => ({
      tryAcquire: () => semaphore.tryAcquire(),
      acquire: () => semaphore.acquire(),
    }))
    const waiter = ask(limiter, { key: 'a' })
    limiter.close()
    semaphore.release()
    expect(await waiter.settled).toBe('permit')
  })
})

describe('drain', () => {
  test('resolves at once when nothing is in use', async () => {
    await oneEach().limiter.drain()
  })

  test.each<[string, string | undefined]>([
    ['a key', 'a'],
    ['those without a key', undefined],
  ])('waits for the last permit and the last waiter of %s', async (_, key) => {
    const { limiter } = oneEach()
    const permit = take(limiter, { key })
    const waiter = ask(limiter, { key })
    const drained = vi.fn()
    void limiter.drain().then(drained)
    permit.release()
    await waiter.settled
    await flush()
    expect(drained).not.toHaveBeenCalled()
    waiter.release()
    await flush()
    expect(drained).toHaveBeenCalledOnce()
  })
})

describe('options', () => {
  const make = (): Limiter => new BoundedSemaphore(1)

  test.each([0, -1, 1.5, Number.NaN])('maxKeys may not be %s', (maxKeys) => {
    expect(() => keyed(make, { maxKeys })).toThrow(
      new RangeError(`maxKeys must be a whole number of at least 1; received ${maxKeys}`),
    )
  })

  test.each([
    [{ maxKeys: '5' }, 'maxKeys must be a number; received "5"'],
    [{ onMaxKeys: 'evict' }, 'onMaxKeys must be "refuse" or "share"; received "evict"'],
    [{ onMaxKeys: null }, 'onMaxKeys must be "refuse" or "share"; received null'],
    [{ max: 5 }, 'options has no option "max"; it knows maxKeys, onMaxKeys'],
    [null, 'options must be an object; received null'],
  ])('may not be %o', (options, message) => {
    expect(() => keyed(make, options as never)).toThrow(new TypeError(message))
  })

  test('may be undefined', () => {
    expect(keyed(make, { maxKeys: undefined, onMaxKeys: undefined }).keys).toBe(0)
  })

  test('make must be a function', () => {
    expect(() => keyed(new BoundedSemaphore(1) as never)).toThrow(
      new TypeError('make must be a function that returns a limiter; received a BoundedSemaphore'),
    )
  })
})

test('refuse speaks for a key that has a limiter, and makes none', () => {
  const limiter = keyed(() => new BoundedSemaphore(1, { queue: 0 }))
  expect(limiter.refuse({ key: 'a' })).toBeUndefined()
  expect(limiter.keys).toBe(0)
  take(limiter, { key: 'a' })
  expect(limiter.refuse({ key: 'a' })).toMatchObject({ reason: 'full' })
  expect(limiter.refuse({ key: 'b' })).toBeUndefined()
  expect(limiter.refuse()).toBeUndefined()
})
