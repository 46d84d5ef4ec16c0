// What the suites of .NET, tokio, golang.org/x/sync, anyio, tower and chi ask of theirs, where it concerns a single
// limiter. Where ours differs on purpose, the name says so.
import { BoundedSemaphore, fifo, lifo, run, Semaphore } from '@lineclear/core'
import { describe, expect, test } from 'vitest'
import { ask, askTimes, flush, noteOrder, outcomes, take, VirtualClock } from './helpers.ts'

describe("as .NET's ConcurrencyLimiter", () => {
  test('a negative weight, or one above the limit, throws', async () => {
    const semaphore = new BoundedSemaphore(2)
    for (const weight of [-1, 3]) {
      expect(() => semaphore.tryAcquire({ weight })).toThrow(RangeError)
      await expect(semaphore.acquire({ weight })).rejects.toThrow(RangeError)
    }
    expect(semaphore.inUse).toBe(0)
  })

  test('the synchronous attempt never queues', () => {
    const semaphore = new BoundedSemaphore(1)
    take(semaphore)
    expect(semaphore.tryAcquire()).toBeUndefined()
    expect(semaphore.waiting).toBe(0)
  })

  test.each([
    { order: 'oldest first', queue: fifo(3), expected: [1, 2, 3] },
    { order: 'newest first', queue: lifo(3), expected: [3, 2, 1] },
  ])('waiters are served $order', async ({ queue, expected }) => {
    const semaphore = new BoundedSemaphore(1, { queue })
    take(semaphore)
    const log: unknown[] = []
    for (const name of [1, 2, 3]) noteOrder(semaphore, log, name)
    for (let i = 0; i < 3; i++) {
      semaphore.release()
      await flush()
    }
    expect(log).toEqual(expected)
  })

  test('oldest first, a full queue refuses the newcomer', async () => {
    const semaphore = new BoundedSemaphore(1, { queue: fifo(1) })
    take(semaphore)
    const [oldest, newcomer] = [ask(semaphore), ask(semaphore)]
    await flush()
    expect(outcomes([oldest, newcomer])).toEqual(['pending', 'full'])
  })

  test('newest first, a full queue evicts one waiter, whatever the weights: it counts waiters', async () => {
    const semaphore = new BoundedSemaphore(3, { queue: lifo(2) })
    take(semaphore, { weight: 3 })
    const waiters = [1, 1, 3].map((weight) => ask(semaphore, { weight }))
    await flush()
    expect(outcomes(waiters)).toEqual(['evicted', 'pending', 'pending'])
  })

  test('a weight above the queue limit may wait, since that counts waiters, and evicts no more than one', async () => {
    for (const [queue, expected] of [
      [fifo(1), ['pending', 'full']],
      [lifo(1), ['evicted', 'pending']],
    ] as const) {
      const semaphore = new BoundedSemaphore(3, { queue })
      take(semaphore, { weight: 3 })
      const waiters = [ask(semaphore), ask(semaphore, { weight: 3 })]
      await flush()
      expect(outcomes(waiters)).toEqual(expected)
    }
  })

  test('newest first, a request above the limit fails and evicts none', async () => {
    const semaphore = new BoundedSemaphore(2, { queue: lifo(1) })
    take(semaphore)
    const waiter = ask(semaphore, { weight: 2 })
    expect(await ask(semaphore, { weight: 3 }).settled).toBeInstanceOf(RangeError)
    expect(waiter.outcome).toBe('pending')
  })

  test('weight 0 waits in its turn behind those who wait', async () => {
    const semaphore = new BoundedSemaphore(2)
    take(semaphore)
    const heavy = ask(semaphore, { weight: 2 })
    const nothing = ask(semaphore, { weight: 0 })
    await flush()
    expect(outcomes([heavy, nothing])).toEqual(['pending', 'pending'])
    expect(semaphore.tryAcquire({ weight: 0 })).toBeUndefined()
  })

  test('a cancel after the wait was over changes nothing', async () => {
    const semaphore = new BoundedSemaphore(1, { queue: 1 })
    const permit = take(semaphore)
    const controller = new AbortController()
    const waiter = ask(semaphore, { signal: controller.signal })
    permit.release()
    await waiter.settled
    controller.abort()
    expect(semaphore.inUse).toBe(1)
    waiter.release()
    expect(semaphore.value).toBe(1)
  })

  test.each([fifo(0), lifo(0)])(
    'a queue without places fails the newcomer and evicts nobody',
    async (queue) => {
      const semaphore = new BoundedSemaphore(1, { queue })
      take(semaphore)
      expect(await ask(semaphore).settled).toBe('full')
      expect(semaphore.waiting).toBe(0)
    },
  )

  test('weight 0 tried at once succeeds only if a permit is free', () => {
    const semaphore = new BoundedSemaphore(1)
    expect(semaphore.tryAcquire({ weight: 0 })).toBeDefined()
    take(semaphore)
    expect(semaphore.tryAcquire({ weight: 0 })).toBeUndefined()
  })

  test('weight 0 waits until one permit is free and takes none', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    const nothing = ask(semaphore, { weight: 0 })
    await flush()
    expect(nothing.outcome).toBe('pending')
    permit.release()
    expect(await nothing.settled).toBe('permit')
    expect(semaphore.value).toBe(1)
  })

  test('one release may serve several', async () => {
    const semaphore = new BoundedSemaphore(3)
    const permit = take(semaphore, { weight: 3 })
    const waiters = askTimes(3, semaphore)
    permit.release()
    await flush()
    expect(outcomes(waiters)).toEqual(['permit', 'permit', 'permit'])
  })

  test('a cancel before the call takes neither a permit nor a place', async () => {
    const semaphore = new BoundedSemaphore(1, { queue: 1 })
    const signal = AbortSignal.abort()
    expect(await ask(semaphore, { signal }).settled).toBe(signal.reason)
    expect(semaphore.inUse).toBe(0)
    take(semaphore)
    expect(await ask(semaphore, { signal }).settled).toBe(signal.reason)
    expect(semaphore.waiting).toBe(0)
  })

  test('a cancel in the queue gives its place back', async () => {
    const semaphore = new BoundedSemaphore(1, { queue: 1 })
    take(semaphore)
    const controller = new AbortController()
    ask(semaphore, { signal: controller.signal })
    controller.abort()
    const other = ask(semaphore)
    semaphore.release()
    expect(await other.settled).toBe('permit')
  })

  test('a cancelled head does not block those behind it', async () => {
    const semaphore = new BoundedSemaphore(2)
    take(semaphore)
    const controller = new AbortController()
    ask(semaphore, { weight: 2, signal: controller.signal })
    const behind = ask(semaphore)
    controller.abort()
    expect(await behind.settled).toBe('permit')
    expect(semaphore.waiting).toBe(0)
  })

  test('disposal, which is close() here, fails those queued and those who come later', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    const waiter = ask(semaphore)
    semaphore.close()
    expect(await waiter.settled).toBe('closed')
    expect(semaphore.tryAcquire()).toBeUndefined()
    expect(await ask(semaphore).settled).toBe('closed')
    expect(() => permit.release()).not.toThrow()
  })
})

describe("as tokio's Semaphore", () => {
  test('a heavy waiter keeps the permits that arrive for it', async () => {
    const semaphore = new Semaphore(0)
    const heavy = ask(semaphore, { weight: 3 })
    for (let i = 0; i < 2; i++) {
      semaphore.release()
      expect(semaphore.tryAcquire()).toBeUndefined()
    }
    semaphore.release()
    expect(await heavy.settled).toBe('permit')
    expect(semaphore.value).toBe(0)
  })

  test('cancelling it gives them all back', async () => {
    const semaphore = new Semaphore(0)
    const controller = new AbortController()
    ask(semaphore, { weight: 3, signal: controller.signal })
    semaphore.release(2)
    controller.abort()
    expect(semaphore.value).toBe(2)
    expect(semaphore.locked).toBe(false)
  })

  test('closing fails waiters and newcomers, also where permits are free', async () => {
    const semaphore = new Semaphore(1)
    const heavy = ask(semaphore, { weight: 2 })
    semaphore.close()
    expect(await heavy.settled).toBe('closed')
    expect(await ask(semaphore).settled).toBe('closed')
  })
})

describe("as golang.org/x/sync's Weighted", () => {
  test('releasing more than is held is an error that changes nothing', () => {
    const semaphore = new BoundedSemaphore(2)
    take(semaphore)
    expect(() => semaphore.release(2)).toThrow(RangeError)
    expect(semaphore.inUse).toBe(1)
  })

  test('an attempt fails while somebody waits, though it would fit', async () => {
    const semaphore = new BoundedSemaphore(2)
    take(semaphore)
    ask(semaphore, { weight: 2 })
    expect(semaphore.value).toBe(1)
    expect(semaphore.tryAcquire()).toBeUndefined()
  })

  test('a weight above the limit is refused at once, rather than left to its own cancel', async () => {
    const semaphore = new BoundedSemaphore(2)
    const permit = take(semaphore, { weight: 2 })
    expect(await ask(semaphore, { weight: 3 }).settled).toBeInstanceOf(RangeError)
    const other = ask(semaphore)
    permit.release()
    expect(await other.settled).toBe('permit')
  })

  test('a large acquire does not starve among small ones', async () => {
    const semaphore = new BoundedSemaphore(3)
    let stop = false
    const small = async (): Promise<void> => {
      while (!stop) {
        const permit = await semaphore.acquire()
        await flush()
        permit.release()
      }
    }
    const all = [small(), small(), small(), small()]
    await flush()
    const large = await semaphore.acquire({ weight: 3 })
    stop = true
    large.release()
    await Promise.all(all)
    expect(semaphore.inUse).toBe(0)
  })

  test('a large head that is cancelled wakes the small ones behind it', async () => {
    const semaphore = new BoundedSemaphore(3)
    take(semaphore)
    const controller = new AbortController()
    ask(semaphore, { weight: 3, signal: controller.signal })
    const small = askTimes(3, semaphore)
    controller.abort()
    await flush()
    expect(outcomes(small)).toEqual(['permit', 'permit', 'pending'])
  })

  test('a signal that has aborted loses even when a permit is free', async () => {
    const semaphore = new BoundedSemaphore(1)
    const signal = AbortSignal.abort()
    expect(await ask(semaphore, { signal }).settled).toBe(signal.reason)
    expect(semaphore.value).toBe(1)
  })

  test('a grant that meets a cancel gives its permits back', async () => {
    const semaphore = new BoundedSemaphore(2)
    const permit = take(semaphore, { weight: 2 })
    const controller = new AbortController()
    const waiter = ask(semaphore, { weight: 2, signal: controller.signal })
    permit.release()
    expect(semaphore.inUse).toBe(2)
    controller.abort()
    expect(semaphore.inUse).toBe(0)
    expect(semaphore.locked).toBe(false)
    expect(await waiter.settled).toBe(controller.signal.reason)
  })
})

describe("as anyio's", () => {
  test('an attempt right after a release does not steal the permit of the woken waiter', async () => {
    const semaphore = new Semaphore(1)
    const permit = take(semaphore)
    const waiter = ask(semaphore)
    permit.release()
    expect(semaphore.tryAcquire()).toBeUndefined()
    expect(await waiter.settled).toBe('permit')
  })

  test('a woken waiter that is cancelled does not strand the next', async () => {
    const semaphore = new Semaphore(1)
    const permit = take(semaphore)
    const controller = new AbortController()
    ask(semaphore, { signal: controller.signal })
    const next = ask(semaphore)
    permit.release()
    controller.abort()
    expect(await next.settled).toBe('permit')
  })
})

describe("as tower's limits, where a permit comes back however the work ends", () => {
  test.each<[string, () => unknown]>([
    ['throws', () => thrower()],
    ['rejects', () => Promise.reject(new Error('failed'))],
    ['returns', () => 'done'],
  ])('that %s', async (_, work) => {
    const semaphore = new BoundedSemaphore(1)
    await run(semaphore, work).catch(() => undefined)
    expect(semaphore.value).toBe(1)
  })

  test('and when its block is left, whatever the reason', () => {
    const semaphore = new BoundedSemaphore(1)
    expect(() => {
      using _permit = take(semaphore)
      thrower()
    }).toThrow('failed')
    expect(semaphore.value).toBe(1)
  })

  test('and when all who wait go away', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    const controller = new AbortController()
    askTimes(3, semaphore, { signal: controller.signal })
    controller.abort()
    permit.release()
    await flush()
    expect([semaphore.value, semaphore.waiting]).toEqual([1, 0])
  })

  function thrower(): never {
    throw new Error('failed')
  }
})

describe("as chi's Throttle", () => {
  test('40 through 10 permits and 50 places all get in', async () => {
    const semaphore = new BoundedSemaphore(10, { queue: 50 })
    const visits = Array.from({ length: 40 }, () => run(semaphore, () => flush()))
    expect(semaphore.inUse).toBe(10)
    await Promise.all(visits)
    expect([semaphore.value, semaphore.waiting]).toEqual([10, 0])
  })

  test('those who wait for too long are turned away, and those beyond the places at once', async () => {
    const clock = new VirtualClock()
    const semaphore = new BoundedSemaphore(10, { queue: 50, timeout: 1000, clock })
    const all = askTimes(70, semaphore)
    await flush()
    const expected = [Array(10).fill('permit'), Array(50).fill('pending'), Array(10).fill('full')].flat()
    expect(outcomes(all)).toEqual(expected)
    clock.advance(1000)
    await flush()
    expect(outcomes(all.slice(10, 60))).toEqual(Array(50).fill('timeout'))
    expect([semaphore.inUse, semaphore.waiting]).toEqual([10, 0])
  })
})
