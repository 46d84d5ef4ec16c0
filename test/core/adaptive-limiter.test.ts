import {
  adaptive,
  BoundedSemaphore,
  fifo,
  gradient2,
  type LimitAlgorithm,
  type LoadSignal,
  type Outcome,
  probedLittle,
  RejectedError,
  type Sample,
  Semaphore,
} from '@lineclear/core'
import { describe, expect, test, vi } from 'vitest'
import { ask, countFree, flush, take, thrownBy, VirtualClock } from './helpers.ts'

/** Says what it is told to, and notes what it is told. */
class Scripted implements LimitAlgorithm {
  readonly samples: Sample[] = []
  says: (sample: Sample) => number = ({ limit }) => limit
  startsWith: (limit: number) => number = (limit) => limit

  start(limit: number): number {
    return this.startsWith(limit)
  }

  update(sample: Sample): number {
    this.samples.push({ ...sample })
    return this.says(sample)
  }
}

function setUp(limit = 2) {
  const clock = new VirtualClock()
  const semaphore = new BoundedSemaphore(limit, { clock, queue: 10, timeout: 500 })
  const algorithm = new Scripted()
  return { clock, semaphore, algorithm, limiter: adaptive(semaphore, algorithm) }
}

describe('an adaptive limiter', () => {
  test('leaves a semaphore that is resized to 0 there, until it is resized again', () => {
    const { semaphore, algorithm, limiter } = setUp(4)
    algorithm.says = () => 3
    const permits = [take(limiter), take(limiter)]
    semaphore.resize(0)
    permits[0]?.release()
    expect(limiter.limit).toBe(0)
    semaphore.resize(4)
    permits[1]?.release()
    expect(limiter.limit).toBe(3)
  })

  test('starts with what the algorithm makes of the limit of its semaphore', () => {
    const semaphore = new BoundedSemaphore(20)
    const algorithm = new Scripted()
    algorithm.startsWith = (limit) => limit + 3
    expect(adaptive(semaphore, algorithm).limit).toBe(23)
    expect(semaphore.limit).toBe(23)
  })

  test('tells the algorithm of each permit as it is given back', () => {
    const { clock, algorithm, limiter } = setUp()
    clock.advance(100)
    const [first, second] = [take(limiter), take(limiter)]
    clock.advance(10)
    void ask(limiter)
    clock.advance(20)
    first.release('dropped')
    second.release()
    const common = { now: 130, hold: 30, weight: 1, limit: 2, area: 60 }
    expect(algorithm.samples).toEqual([
      { ...common, outcome: 'dropped', inUse: 2, waiting: 1 },
      { ...common, outcome: 'success', inUse: 2, waiting: 0 },
    ])
  })

  test('measures a waiter from when it goes in', async () => {
    const { clock, algorithm, limiter } = setUp(1)
    const first = take(limiter)
    const waiter = ask(limiter)
    clock.advance(50)
    first.release()
    await waiter.settled
    clock.advance(7)
    waiter.release()
    expect(algorithm.samples.map(({ hold, area }) => ({ hold, area }))).toEqual([
      { hold: 50, area: 50 },
      { hold: 7, area: 57 },
    ])
  })

  test('counts in the area what is in use by weight, and nothing while nobody is inside', () => {
    const { clock, algorithm, limiter } = setUp(5)
    const heavy = take(limiter, { weight: 3 })
    clock.advance(10)
    const nothing = take(limiter, { weight: 0 })
    const light = take(limiter)
    clock.advance(10)
    heavy.release()
    clock.advance(10)
    light.release()
    clock.advance(1000)
    nothing.release()
    expect(algorithm.samples.map(({ weight, area }) => [weight, area])).toEqual([
      [3, 70],
      [1, 80],
      [0, 80],
    ])
  })

  test('shares its semaphore: others count as in use, but are not measured', () => {
    const { clock, semaphore, algorithm, limiter } = setUp()
    const other = take(semaphore)
    const permit = take(limiter)
    expect(limiter.tryAcquire()).toBeUndefined()
    clock.advance(10)
    other.release()
    expect(algorithm.samples).toEqual([])
    other.release()
    take(semaphore)
    permit.release()
    expect(algorithm.samples).toMatchObject([{ inUse: 2, area: 10 }])
  })

  test('raises the limit when the algorithm does, and lets those who wait in at once', async () => {
    const { algorithm, limiter } = setUp(1)
    const permit = take(limiter)
    const waiters = [ask(limiter), ask(limiter), ask(limiter)]
    algorithm.says = () => 2
    permit.release()
    await flush()
    expect(limiter.limit).toBe(2)
    expect(waiters.map(({ outcome }) => outcome)).toEqual(['permit', 'permit', 'pending'])
  })

  test('lowers the limit before it hands the permit on', async () => {
    const { algorithm, limiter } = setUp(2)
    const [first, second] = [take(limiter), take(limiter)]
    const waiter = ask(limiter)
    algorithm.says = () => 1
    first.release()
    await flush()
    expect(waiter.outcome).toBe('pending')
    expect(limiter.inUse).toBe(1)
    second.release()
    expect(await waiter.settled).toBe('permit')
  })

  test('leaves the semaphore alone while the algorithm says the same', () => {
    const { semaphore, algorithm, limiter } = setUp(2)
    algorithm.says = () => 2
    const permit = take(limiter)
    semaphore.resize(7)
    permit.release()
    expect(limiter.limit).toBe(7)
    algorithm.says = () => 3
    take(limiter).release()
    expect(limiter.limit).toBe(3)
  })

  test('tells of a permit once, however often it is released', () => {
    const { algorithm, limiter } = setUp()
    const permit = take(limiter)
    permit.release('ignored')
    permit.release('dropped')
    permit[Symbol.dispose]()
    expect(algorithm.samples).toMatchObject([{ outcome: 'ignored' }])
    take(limiter)[Symbol.dispose]()
    expect(algorithm.samples).toMatchObject([{ outcome: 'ignored' }, { outcome: 'success' }])
  })

  test('tells of nobody who was turned away', async () => {
    const { clock, semaphore, algorithm, limiter } = setUp(1)
    take(limiter)
    const controller = new AbortController()
    const asked = [ask(limiter), ask(limiter, { signal: controller.signal }), ask(limiter, { timeout: 0 })]
    controller.abort('left')
    clock.advance(500)
    expect(await Promise.all(asked.map(({ settled }) => settled))).toEqual(['timeout', 'left', 'timeout'])
    expect([algorithm.samples, semaphore.inUse]).toEqual([[], 1])
  })

  test('gives a permit back that came when its caller had just left, and tells nobody', async () => {
    const { algorithm, limiter } = setUp(1)
    const controller = new AbortController()
    const asked = ask(limiter, { signal: controller.signal })
    controller.abort('left')
    expect(await asked.settled).toBe('left')
    expect(algorithm.samples).toEqual([])
    expect(countFree(limiter)).toBe(1)
  })

  test('gives such a permit back as one under which nothing was done', async () => {
    const queue = fifo()
    const holds: unknown[] = []
    const released = (hold: number | undefined): void => void holds.push(hold)
    const semaphore = new BoundedSemaphore(1, { queue: Object.assign(queue, { released }) })
    const controller = new AbortController()
    const asked = ask(adaptive(semaphore, new Scripted()), { signal: controller.signal })
    controller.abort('left')
    await asked.settled
    expect(holds).toEqual([undefined])
  })

  test('gives the permit back when the algorithm throws, with its error, and keeps the limit', async () => {
    const { algorithm, limiter } = setUp(1)
    const failure = new Error('no limit')
    algorithm.says = () => {
      throw failure
    }
    const permit = take(limiter)
    const waiter = ask(limiter)
    expect(thrownBy(() => permit.release())).toBe(failure)
    permit.release()
    expect(await waiter.settled).toBe('permit')
    expect([limiter.limit, limiter.inUse]).toEqual([1, 1])
  })

  test.each([0, -1, 1.5, Number.NaN, Infinity])('takes no limit of %s from an algorithm', (limit) => {
    const { algorithm, limiter } = setUp(2)
    algorithm.says = () => limit
    const message = `the algorithm's limit must be a whole number of at least 1; received ${limit}`
    const permit = take(limiter)
    expect(() => permit.release()).toThrow(new RangeError(message))
    expect([limiter.limit, limiter.inUse]).toEqual([2, 0])
    const other = new Scripted()
    other.startsWith = () => limit
    expect(() => adaptive(new BoundedSemaphore(1), other)).toThrow(new RangeError(message))
  })

  test('passes on what its semaphore knows', async () => {
    const { clock, semaphore, limiter } = setUp(1)
    expect([limiter.timeout, limiter.full, limiter.clock]).toEqual([500, false, clock])
    const permit = take(limiter)
    const waiter = ask(limiter)
    expect([limiter.inUse, limiter.waiting]).toEqual([1, 1])
    const drained = vi.fn()
    void limiter.drain().then(drained)
    limiter.close('stopping')
    expect([limiter.full, semaphore.full]).toEqual([true, true])
    const failure = await limiter.acquire().catch((error) => error)
    expect(failure).toBeInstanceOf(RejectedError)
    expect(failure).toMatchObject({ reason: 'closed', cause: 'stopping' })
    expect(await waiter.settled).toBe('closed')
    await flush()
    expect(drained).not.toHaveBeenCalled()
    permit.release()
    await flush()
    expect(drained).toHaveBeenCalled()
  })
})

describe('a load signal', () => {
  test('that says overloaded makes a drop of each success, and of nothing else', () => {
    const signal = { overloaded: true }
    const algorithm = new Scripted()
    const limiter = adaptive(new BoundedSemaphore(1), algorithm, { signal })
    const end = (outcome?: Outcome): Outcome | undefined => {
      take(limiter).release(outcome)
      return algorithm.samples.at(-1)?.outcome
    }
    expect([end(), end('dropped'), end('ignored')]).toEqual(['dropped', 'dropped', 'ignored'])
    signal.overloaded = false
    expect([end(), end('dropped'), end('ignored')]).toEqual(['success', 'dropped', 'ignored'])
  })

  test('that fails does not keep the permit', () => {
    let reads = 0
    const signal: LoadSignal = {
      get overloaded() {
        if (reads++ > 0) throw new Error('no signal')
        return false
      },
    }
    const limiter = adaptive(new BoundedSemaphore(1), new Scripted(), { signal })
    expect(() => take(limiter).release()).toThrow('no signal')
    expect(limiter.inUse).toBe(0)
  })

  test('of overload that lasts lowers the limit of probedLittle where it binds', () => {
    const clock = new VirtualClock()
    const signal = { overloaded: true }
    const limiter = adaptive(new BoundedSemaphore(50, { clock }), probedLittle(), { signal })
    const permits = Array.from({ length: 50 }, () => take(limiter))
    for (let released = 0; released < 5000; released++) {
      clock.advance(1)
      permits.shift()?.release()
      for (let next = limiter.tryAcquire(); next !== undefined; next = limiter.tryAcquire())
        permits.push(next)
    }
    expect(limiter.limit).toBe(2)
  })
})

describe('adaptive', () => {
  test('takes an algorithm once', () => {
    const algorithm = gradient2()
    adaptive(new BoundedSemaphore(20), algorithm)
    const semaphore = new BoundedSemaphore(50)
    expect(() => adaptive(semaphore, algorithm)).toThrow(
      new TypeError('algorithm already belongs to an adaptive limiter'),
    )
    expect(semaphore.limit).toBe(50)
    adaptive(semaphore, gradient2())
  })

  test('takes a semaphore once', () => {
    const semaphore = new BoundedSemaphore(20)
    adaptive(semaphore, gradient2())
    const algorithm = gradient2()
    expect(() => adaptive(semaphore, algorithm)).toThrow(
      new TypeError('semaphore already belongs to an adaptive limiter'),
    )
    adaptive(new BoundedSemaphore(1), algorithm)
  })

  test.each([
    [[new Semaphore(1), gradient2()], 'semaphore must be a BoundedSemaphore; received a Semaphore'],
    [[undefined, gradient2()], 'semaphore must be a BoundedSemaphore; received undefined'],
    [
      [new BoundedSemaphore(1), gradient2],
      'algorithm must be an algorithm such as probedLittle(); received a function',
    ],
    [
      [new BoundedSemaphore(1), undefined],
      'algorithm must be an algorithm such as probedLittle(); received undefined',
    ],
    [[new BoundedSemaphore(1), gradient2(), { load: 1 }], 'options has no option "load"; it knows signal'],
    [
      [new BoundedSemaphore(1), gradient2(), { signal: () => true }],
      'signal must be a load signal, with overloaded; received a function',
    ],
  ])('takes no bad arguments: %#', (args, message) => {
    expect(thrownBy(() => adaptive(...(args as Parameters<typeof adaptive>)))).toEqual(new TypeError(message))
  })
})
