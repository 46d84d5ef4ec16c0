import {
  adaptive,
  adaptiveLifo,
  aimd,
  all,
  BoundedSemaphore,
  innermost,
  keyed,
  type Limiter,
  observed,
  type Permit,
  type Semaphore,
} from '@lineclear/core'
import { describe, expect, test, vi } from 'vitest'
import { type Asked, ask, flush, outcomes, take, thrownBy, VirtualClock } from './helpers.ts'

/** A limiter with one permit, which notes what becomes of it. */
function noting(log: string[], name: string, semaphore: Semaphore = new BoundedSemaphore(1)): Limiter {
  const note = (permit: Permit): Permit => {
    log.push(`${name} taken`)
    const release: Permit['release'] = (outcome) => {
      log.push(`${name} ${outcome}`)
      permit.release(outcome)
    }
    return { release, [Symbol.dispose]: release }
  }
  return {
    tryAcquire: (request) => {
      const permit = semaphore.tryAcquire(request)
      return permit && note(permit)
    },
    acquire: (request) => semaphore.acquire(request).then(note),
  }
}

function three(limit = 1): [BoundedSemaphore, BoundedSemaphore, BoundedSemaphore] {
  return [new BoundedSemaphore(limit), new BoundedSemaphore(limit), new BoundedSemaphore(limit)]
}

function inUse(limiters: BoundedSemaphore[]): number[] {
  return limiters.map(({ inUse }) => inUse)
}

describe('all', () => {
  test('takes a permit of each, in order, and releases them in reverse with the outcome', () => {
    const log: string[] = []
    const permit = take(all(noting(log, 'a'), noting(log, 'b'), noting(log, 'c')))
    permit.release('dropped')
    permit.release()
    const taken = ['a taken', 'b taken', 'c taken']
    expect(log).toEqual([...taken, 'c dropped', 'b dropped', 'a dropped'])
  })

  test('waits for one while it holds those before it, and leaves alone those after it', async () => {
    const limiters = three()
    const [, middle] = limiters
    const permit = take(middle)
    const waiter = ask(all(...limiters))
    await flush()
    expect(inUse(limiters)).toEqual([1, 1, 0])
    expect(waiter.outcome).toBe('pending')
    permit.release()
    expect(await waiter.settled).toBe('permit')
    expect(inUse(limiters)).toEqual([1, 1, 1])
    waiter.release()
    expect(inUse(limiters)).toEqual([0, 0, 0])
  })

  test('waits for several, one after the other', async () => {
    const limiters = three()
    const permits = limiters.map((limiter) => take(limiter))
    const waiter = ask(all(...limiters))
    for (const [index, permit] of permits.entries()) {
      await flush()
      expect(limiters.map(({ waiting }) => waiting)).toEqual([0, 1, 2].map((at) => (at === index ? 1 : 0)))
      permit.release()
    }
    expect(await waiter.settled).toBe('permit')
  })

  test('tells how many wait through it, for whichever', async () => {
    const limiters = three()
    const permits = limiters.map((limiter) => take(limiter))
    const every = all(...limiters)
    const controller = new AbortController()
    const [first, second] = [ask(every), ask(every, { signal: controller.signal })]
    void ask(limiters[0])
    expect(every.waiting).toBe(2)
    controller.abort()
    await second.settled
    expect(every.waiting).toBe(1)
    for (const permit of permits) permit.release()
    await first.settled
    expect(every.waiting).toBe(0)
  })

  test('that tries takes all or none', () => {
    const limiters = three(2)
    const [, , last] = limiters
    const every = all(...limiters)
    take(every)
    take(last)
    expect(every.tryAcquire()).toBeUndefined()
    expect(inUse(limiters)).toEqual([1, 1, 2])
  })

  test('has no asynchronous step of its own when all are free', async () => {
    const limiters = three()
    const log: string[] = []
    const acquired = all(...limiters).acquire()
    expect(inUse(limiters)).toEqual([1, 1, 1])
    void acquired.then(() => log.push('permit'))
    void Promise.resolve().then(() => log.push('microtask'))
    await acquired
    expect(log).toEqual(['permit', 'microtask'].slice(0, log.length))
    expect(log[0]).toBe('permit')
  })

  test('passes weight, key and priority on to each', () => {
    const tries = [1, 2].map(() => vi.fn(() => take(new BoundedSemaphore(1))))
    const limiters = tries.map((tryAcquire) => ({ tryAcquire, acquire: vi.fn() }))
    const request = { weight: 2, key: 'a', priority: 3 }
    take(all(...limiters), request)
    for (const tried of tries) expect(tried).toHaveBeenCalledWith(request)
  })

  test('passes the same on where it waits', async () => {
    const semaphore = new BoundedSemaphore(0)
    const acquire = vi.fn(() => semaphore.acquire())
    const waiter = ask(all({ tryAcquire: () => undefined, acquire }), { weight: 2, key: 'a', priority: 3 })
    expect(acquire).toHaveBeenCalledWith({ weight: 2, key: 'a', priority: 3 })
    semaphore.resize(1)
    expect(await waiter.settled).toBe('permit')
  })

  test('takes its weight of each', () => {
    const limiters = three(3)
    take(all(...limiters), { weight: 2 }).release()
    take(all(...limiters), { weight: 3 })
    expect(inUse(limiters)).toEqual([3, 3, 3])
  })

  test('limits all together and each tenant', async () => {
    const global = new BoundedSemaphore(3)
    const limiter = all(
      keyed(() => new BoundedSemaphore(2)),
      global,
    )
    const permits = [take(limiter, { key: 'a' }), take(limiter, { key: 'a' })]
    const third = ask(limiter, { key: 'a' })
    // Its tenant keeps it out, and it takes no permit that others can use.
    expect(global.inUse).toBe(2)
    take(limiter, { key: 'b' })
    const other = ask(limiter, { key: 'b' })
    permits[0]?.release()
    await flush()
    expect(outcomes([third, other])).toEqual(['pending', 'permit'])
    permits[1]?.release()
    expect(await third.settled).toBe('permit')
  })
})

describe('what was taken is released, in reverse, as ignored', () => {
  const failure = new Error('broken')

  const endings: [
    string,
    unknown,
    (clock: VirtualClock, abort: () => void, last: BoundedSemaphore) => void,
  ][] = [
    ['the wait for the next is cancelled', 'left', (_, abort) => abort()],
    ['it times out', 'timeout', (clock) => clock.advance(100)],
    ['it is closed', 'closed', (_, __, last) => last.close()],
  ]
  test.each(endings)('when %s', async (_, outcome, end) => {
    const clock = new VirtualClock()
    const last = new BoundedSemaphore(1, { clock })
    take(last)
    const log: string[] = []
    const controller = new AbortController()
    const limiter = all(noting(log, 'a'), noting(log, 'b'), last)
    const waiter = ask(limiter, { signal: controller.signal, timeout: 100 })
    await flush()
    end(clock, () => controller.abort('left'), last)
    expect(await waiter.settled).toBe(outcome)
    expect(log).toEqual(['a taken', 'b taken', 'b ignored', 'a ignored'])
    expect(clock.timers).toBe(0)
  })

  test('when the next refuses at once', async () => {
    const last = new BoundedSemaphore(1, { queue: 0 })
    take(last)
    const log: string[] = []
    const limiter = all(noting(log, 'a'), noting(log, 'b'), last)
    expect(await ask(limiter).settled).toBe('full')
    expect(limiter.tryAcquire()).toBeUndefined()
    const once = ['a taken', 'b taken', 'b ignored', 'a ignored']
    expect(log).toEqual([...once, ...once])
  })

  test.each([
    ['tryAcquire throws', { tryAcquire: fail, acquire: fail }],
    ['acquire throws', { tryAcquire: () => undefined, acquire: fail }],
    ['acquire rejects', { tryAcquire: () => undefined, acquire: () => Promise.reject(failure) }],
  ])('when the %s', async (_, last) => {
    const log: string[] = []
    const limiter = all(noting(log, 'a'), noting(log, 'b'), last)
    expect(await ask(limiter).settled).toBe(failure)
    expect(log).toEqual(['a taken', 'b taken', 'b ignored', 'a ignored'])
  })

  test('when tryAcquire throws, for a weight that only the first can bear', async () => {
    const limiters = [new BoundedSemaphore(5), new BoundedSemaphore(2)]
    const limiter = all(...limiters)
    expect(() => limiter.tryAcquire({ weight: 3 })).toThrow(RangeError)
    expect(await ask(limiter, { weight: 3 }).settled).toBeInstanceOf(RangeError)
    expect(inUse(limiters)).toEqual([0, 0])
  })

  test('when it is cancelled between the grant of one and the next', async () => {
    const limiters = three()
    const permit = take(limiters[1])
    const controller = new AbortController()
    const waiter = ask(all(...limiters), { signal: controller.signal })
    permit.release()
    // The semaphore has told it, but it has yet to run.
    await Promise.resolve()
    controller.abort()
    expect(await waiter.settled).toBe(controller.signal.reason)
    expect(inUse(limiters)).toEqual([0, 0, 0])
  })

  test('though one of the releases throws', async () => {
    const limiters = three()
    const permit = take(all(...limiters))
    limiters[1].release()
    expect(thrownBy(() => permit.release())).toBeInstanceOf(RangeError)
    expect(inUse(limiters)).toEqual([0, 0, 0])
  })

  function fail(): never {
    throw failure
  }
})

test('what is given back because another has none leaves the mean hold of its queue as it was', async () => {
  const clock = new VirtualClock()
  const free = new BoundedSemaphore(2, { queue: adaptiveLifo(), clock })
  for (let i = 0; i < 50; i++) {
    const permit = take(free)
    clock.advance(1000)
    permit.release()
  }
  const taken = new BoundedSemaphore(1, { queue: 0 })
  take(taken)
  const limiter = all(free, taken)
  for (let i = 0; i < 200; i++) {
    expect(limiter.tryAcquire()).toBeUndefined()
    expect(await ask(limiter).settled).toBe('full')
  }
  // Thirty mean holds.
  expect(free.timeout).toBe(30_000)
})

describe('a time-out', () => {
  const clock = new VirtualClock()
  const made = (timeout?: number): BoundedSemaphore => new BoundedSemaphore(1, { timeout, clock })

  test('of the request is for all waits together', async () => {
    const [a, b] = [made(), made()]
    const permit = take(a)
    take(b)
    const waiter = ask(all(a, b), { timeout: 100 })
    clock.advance(70)
    permit.release()
    await flush()
    clock.advance(29)
    await flush()
    expect(waiter.outcome).toBe('pending')
    clock.advance(1)
    expect(await waiter.settled).toBe('timeout')
    expect(inUse([a, b])).toEqual([0, 1])
  })

  test('that is over at the grant of one still takes the next if it is free', async () => {
    const [a, b] = [made(), made()]
    const permit = take(a)
    const waiter = ask(all(a, b), { timeout: 100 })
    permit.release()
    clock.advance(1000)
    expect(await waiter.settled).toBe('permit')
  })

  test('of the request goes before those of the limiters', async () => {
    const a = made(10)
    take(a)
    const waiter = ask(all(a), { timeout: 100 })
    clock.advance(99)
    await flush()
    expect(waiter.outcome).toBe('pending')
    clock.advance(1)
    expect(await waiter.settled).toBe('timeout')
  })

  test('of each limiter is for its own wait where the request has none', async () => {
    const [a, b] = [made(50), made(80)]
    const permit = take(a)
    take(b)
    const waiter = ask(all(a, b))
    clock.advance(49)
    permit.release()
    await flush()
    clock.advance(79)
    await flush()
    expect(waiter.outcome).toBe('pending')
    clock.advance(1)
    expect(await waiter.settled).toBe('timeout')
  })

  test("is on the platform's clock where no limiter has one", async () => {
    vi.useFakeTimers()
    try {
      const semaphores = three()
      const bare = semaphores.map(
        (semaphore): Limiter => ({
          tryAcquire: (request) => semaphore.tryAcquire(request),
          acquire: (request) => semaphore.acquire(request),
        }),
      )
      const permit = take(semaphores[0])
      take(semaphores[1])
      const waiter = ask(all(...bare), { timeout: 100 })
      await vi.advanceTimersByTimeAsync(70)
      permit.release()
      await vi.advanceTimersByTimeAsync(29)
      expect(waiter.outcome).toBe('pending')
      await vi.advanceTimersByTimeAsync(1)
      expect(waiter.outcome).toBe('timeout')
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('two that name the same limiters', () => {
  const pairs: [string, (a: Limiter, b: Limiter) => [Limiter, Limiter]][] = [
    ['in opposite orders', (a, b) => [all(a, b), all(b, a)]],
    ['one of them by another all', (a, b) => [all(a, b), all(all(b), a)]],
    ['both inside others', (a, b) => [all(all(a, b), made()), all(made(), all(b, a))]],
    ['one of them through an observer', (a, b) => [all(a, b), all(b, observed(a, { admitted() {} }))]],
    ['through observers of observers', (a, b) => [all(a, b), all(observing(observing(b)), observing(a))]],
    ['an observer before itself', (a, b) => [all(observing(a), b), all(b, a)]],
  ]

  test.each(pairs)('%s never wait for each other', async (_, make) => {
    const [a, b] = [made(), made()]
    const [first, second] = make(a, b)
    // Each has the chance to take one and wait for the other.
    const permits = [take(a), take(b)]
    const waiters = [ask(first), ask(second)]
    for (const permit of permits) permit.release()
    await flush()
    const winner = waiters.find(({ outcome }) => outcome === 'permit')
    expect(winner).toBeDefined()
    winner?.release()
    await flush()
    expect(outcomes(waiters)).toEqual(['permit', 'permit'])
  })

  test('philosophers at a round table all come to eat', async () => {
    const forks = Array.from({ length: 5 }, made)
    const taken = forks.map((fork) => take(fork))
    const philosophers = forks.map((left, seat) => all(left, forks[(seat + 1) % 5] as Limiter))
    const meals = philosophers.map((philosopher) => ask(philosopher))
    for (const permit of taken) permit.release()
    await eatUp(meals)
    expect(inUse(forks)).toEqual([0, 0, 0, 0, 0])
  })

  function made(): BoundedSemaphore {
    return new BoundedSemaphore(1)
  }

  function observing(limiter: Limiter): Limiter {
    return observed(limiter, { admitted() {} })
  }

  async function eatUp(meals: Asked[]): Promise<void> {
    const eaten = new Set<Asked>()
    while (eaten.size < meals.length) {
      await flush()
      const eating = meals.filter((meal) => meal.outcome === 'permit' && !eaten.has(meal))
      expect(eating).not.toEqual([])
      for (const meal of eating) {
        meal.release()
        eaten.add(meal)
      }
    }
  }
})

test('a limiter of the user that hands on the permits of another says so by `inner`', () => {
  const inner = new BoundedSemaphore(1)
  const outer: Limiter = {
    inner,
    tryAcquire: (request) => inner.tryAcquire(request),
    acquire: (request) => inner.acquire(request),
  }
  expect(() => all(outer, inner)).toThrow('all takes each limiter once')
  expect([inner, outer, observed(outer, { admitted() {} })].map(innermost)).toEqual([inner, inner, inner])
})

describe('the order', () => {
  /** In which order they are taken: while one is waited for, those before it are held. */
  async function orderOf(limiters: Record<string, BoundedSemaphore>, every: Limiter): Promise<string> {
    const order: string[] = []
    const names = Object.keys(limiters)
    for (const name of names) {
      const permit = take(limiters[name] as BoundedSemaphore)
      const controller = new AbortController()
      const waiter = ask(every, { signal: controller.signal })
      const before = names.filter((other) => other !== name && limiters[other]?.inUse === 1)
      order[before.length] = name
      controller.abort()
      await waiter.settled
      permit.release()
    }
    return order.join(' ')
  }

  test('is the one given', async () => {
    const [a, b, c] = three()
    expect(await orderOf({ a, b, c }, all(c, a, b))).toBe('c a b')
  })

  test('is the one given for each of many that share their last', async () => {
    const [a, b, global] = three()
    all(a, global)
    expect(await orderOf({ b, global }, all(b, global))).toBe('b global')
  })

  test('is the one given for one that comes in between', async () => {
    const [tenant, route, global] = three()
    all(tenant, global)
    expect(await orderOf({ tenant, route, global }, all(tenant, route, global))).toBe('tenant route global')
  })

  test('is the one given for one that comes before or after', async () => {
    const [a, b, c] = three()
    all(b)
    expect(await orderOf({ a, b, c }, all(a, b, c))).toBe('a b c')
  })

  test('is that of an earlier all for those it took the other way round', async () => {
    const [a, b, c] = three()
    all(a, b)
    expect(await orderOf({ a, b, c }, all(b, c, a))).toBe('a c b')
  })

  test('of limiters that are not named together is that of their coming', async () => {
    const [a, b, c] = three()
    all(a)
    all(b)
    expect(await orderOf({ a, b, c }, all(c, b, a))).toBe('c a b')
  })

  test('is one for all, however often something comes in between', async () => {
    const [first, last] = three()
    all(first, last)
    let [left, right]: [Limiter, Limiter] = [first, last]
    const between: BoundedSemaphore[] = []
    // Far more than a number can be halved.
    for (let n = 0; n < 2000; n++) {
      const next = new BoundedSemaphore(1)
      between.push(next)
      all(left, next, right)
      if (n % 2 === 0) left = next
      else right = next
    }
    const some = [first, last, ...between.filter((_, n) => n > 1900)]
    const named = Object.fromEntries(some.map((limiter, n) => [n, limiter]))
    const forth = await orderOf(named, all(...some))
    expect(await orderOf(named, all(...some.toReversed()))).toBe(forth)
  })
})

describe('it tells of its limiters', () => {
  const bare: Limiter = { tryAcquire: () => undefined, acquire: () => new Promise(() => {}) }

  test('the smallest limit that is known', () => {
    expect(all(new BoundedSemaphore(5), bare, new BoundedSemaphore(2)).limit).toBe(2)
    expect(all(bare).limit).toBeUndefined()
  })

  test('the longest wait of all together, if each has one', () => {
    const [a, b] = [new BoundedSemaphore(1, { timeout: 30 }), new BoundedSemaphore(1, { timeout: 50 })]
    expect(all(a, b).timeout).toBe(80)
    expect(all(a, bare, b).timeout).toBeUndefined()
  })

  test('the first clock', () => {
    const clock = new VirtualClock()
    expect(all(bare, new BoundedSemaphore(1, { clock }), new BoundedSemaphore(1)).clock).toBe(clock)
    expect(all(bare).clock).toBeUndefined()
  })

  test('that it is full only where nobody could wait', async () => {
    const [roomy, full] = [new BoundedSemaphore(1, { queue: 1 }), new BoundedSemaphore(1, { queue: 0 })]
    const every = all(roomy, full)
    take(roomy)
    expect(every.full).toBe(false)
    const waiter = ask(every)
    await flush()
    expect(waiter.outcome).toBe('pending')
    expect(every.full).toBe(true)
    expect(await ask(every).settled).toBe('full')
    expect(all(full, bare).full).toBe(false)
  })
})

describe('it is made', () => {
  const a = new BoundedSemaphore(1)

  test('of at least one', () => {
    expect(() => all()).toThrow(new TypeError('all needs at least one limiter'))
    take(all(new BoundedSemaphore(1)))
  })

  test.each([
    [undefined, 'undefined'],
    [[new BoundedSemaphore(1)], 'an array'],
    [5, '5'],
  ])('of limiters only, not of %s', (value, shown) => {
    expect(() => all(a, value as never)).toThrow(
      new TypeError(`limiters[1] must be a limiter, with acquire and tryAcquire; received ${shown}`),
    )
  })

  const observedA = observed(a, { admitted() {} })
  const twice: [string, () => Limiter][] = [
    ['by itself', () => all(a, a)],
    ['in an all', () => all(all(a, new BoundedSemaphore(1)), a)],
    ['by an observer', () => all(a, observedA)],
    ['by two observers', () => all(observed(a, { queued() {} }), observedA)],
    ['by one that moves its limit', () => all(a, adaptive(a, aimd()))],
  ]
  test.each(twice)('of each only once, not also %s', (_, make) => {
    expect(make).toThrow(
      new TypeError('all takes each limiter once: a second permit would wait for the first'),
    )
  })

  test('not of an all that an observer hides', () => {
    const hidden = observed(all(new BoundedSemaphore(1)), { admitted() {} })
    expect(() => all(a, hidden)).toThrow(
      new TypeError(
        'limiters[1] is an all inside another limiter, which cannot be taken apart; wrap its limiters instead',
      ),
    )
  })
})
