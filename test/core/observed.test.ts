import {
  type AcquireRequest,
  BoundedSemaphore,
  keyed,
  type Limiter,
  lifo,
  type Observer,
  observed,
} from '@lineclear/core'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Asked, ask, countFree, flush, take, thrownBy, VirtualClock } from './helpers.ts'

const clock = new VirtualClock()

/** An observer that notes all it is told, in one line each. */
function notes(): { log: string[]; observer: Required<Observer> } {
  const log: string[] = []
  const observer = {
    admitted: vi.fn(({ wait, queued }) => log.push(`admitted ${wait}${queued ? ' queued' : ''}`)),
    queued: vi.fn(() => log.push('queued')),
    rejected: vi.fn(({ reason, wait, queued }) =>
      log.push(`rejected ${reason} ${wait}${queued ? ' queued' : ''}`),
    ),
    released: vi.fn(({ outcome, hold }) => log.push(`released ${outcome} ${hold}`)),
  }
  return { log, observer }
}

function made(options: { queue?: number; timeout?: number } = {}): {
  semaphore: BoundedSemaphore
  limiter: Limiter
  log: string[]
  observer: Required<Observer>
} {
  const semaphore = new BoundedSemaphore(1, { clock, ...options })
  const { log, observer } = notes()
  return { semaphore, limiter: observed(semaphore, observer), log, observer }
}

test('a limiter that is observed tells how many wait, as before', () => {
  const { semaphore, limiter } = made()
  take(limiter)
  void ask(limiter)
  expect(limiter).toHaveProperty('waiting', 1)
  expect(
    observed({ tryAcquire: () => undefined, acquire: () => semaphore.acquire() }, { queued() {} }),
  ).toHaveProperty('waiting', undefined)
})

describe('an observer is told', () => {
  test('who is admitted without a wait, and how long the permit was held', async () => {
    const { limiter, log } = made()
    const permit = take(limiter)
    clock.advance(30)
    permit.release()
    const asked = ask(limiter)
    await asked.settled
    clock.advance(5)
    asked.release()
    expect(log).toEqual(['admitted 0', 'released success 30', 'admitted 0', 'released success 5'])
  })

  test('who waits, and how long', async () => {
    const { limiter, log } = made()
    const permit = take(limiter)
    const waiter = ask(limiter)
    expect(log).toEqual(['admitted 0', 'queued'])
    clock.advance(20)
    permit.release('ignored')
    await waiter.settled
    expect(log.slice(2)).toEqual(['released ignored 20', 'admitted 20 queued'])
  })

  test('with what outcome a permit is released, once', () => {
    const { limiter, log } = made()
    const permit = take(limiter)
    permit.release('dropped')
    permit.release('success')
    permit[Symbol.dispose]()
    take(limiter)[Symbol.dispose]()
    expect(log).toEqual(['admitted 0', 'released dropped 0', 'admitted 0', 'released success 0'])
  })

  const endings: [string, (semaphore: BoundedSemaphore, abort: () => void) => void][] = [
    ['timeout', () => clock.advance(40)],
    ['aborted', (_, abort) => abort()],
    ['closed', (semaphore) => semaphore.close()],
  ]
  test.each(endings)('who waited and went without a permit: %s', async (reason, end) => {
    const { semaphore, limiter, log, observer } = made()
    take(limiter)
    const controller = new AbortController()
    const request = { timeout: 60, signal: controller.signal }
    const waiter = limiter.acquire(request)
    clock.advance(20)
    end(semaphore, () => controller.abort())
    const error = await waiter.catch((error) => error)
    const wait = reason === 'timeout' ? 60 : 20
    expect(log).toEqual(['admitted 0', 'queued', `rejected ${reason} ${wait} queued`])
    expect(observer.rejected).toHaveBeenCalledWith({ reason, error, wait, queued: true, request })
  })

  test('who was evicted', async () => {
    const { log, observer } = notes()
    const limiter = observed(new BoundedSemaphore(1, { queue: lifo(1), clock }), observer)
    take(limiter)
    ask(limiter)
    ask(limiter)
    await flush()
    expect(log).toEqual(['admitted 0', 'queued', 'queued', 'rejected evicted 0 queued'])
  })

  test.each<[string, { queue?: number; timeout?: number }, AcquireRequest | undefined]>([
    ['full', { queue: 0 }, undefined],
    ['timeout', {}, { timeout: 0 }],
    ['timeout', { timeout: 0 }, undefined],
    ['aborted', {}, { signal: AbortSignal.abort() }],
  ])('who was refused at once as one who never waited: %s', async (reason, options, request) => {
    const { limiter, log } = made(options)
    take(limiter)
    await ask(limiter, request).settled
    expect(log).toEqual(['admitted 0', `rejected ${reason} 0`])
  })

  test('who was refused without a promise, as one who never waited', () => {
    const { limiter, log } = made({ queue: 0 })
    expect(limiter.refuse?.()).toBeUndefined()
    take(limiter)
    expect(limiter.refuse?.()).toMatchObject({ reason: 'full' })
    expect(log).toEqual(['admitted 0', 'rejected full 0'])
  })

  test('who was granted a permit and gave up before it ran as one who gave up', async () => {
    const { semaphore, limiter, log } = made()
    const permit = take(limiter)
    const controller = new AbortController()
    const waiter = ask(limiter, { signal: controller.signal })
    permit.release()
    await Promise.resolve()
    controller.abort()
    expect(await waiter.settled).toBe(controller.signal.reason)
    expect(log.slice(2)).toEqual(['released success 0', 'rejected aborted 0 queued'])
    expect(semaphore.inUse).toBe(0)
  })

  test('of other failures than rejections', async () => {
    const { log, observer } = notes()
    const error = new Error('unreachable')
    const remote = { clock, tryAcquire: () => undefined, acquire: () => Promise.reject(error) }
    expect(await ask(observed(remote, observer)).settled).toBe(error)
    expect(log).toEqual(['queued', 'rejected failed 0 queued'])
  })

  test('of rejections from another copy of the core by their own reason', async () => {
    const { log, observer } = notes()
    const error = Object.assign(new Error('No permit'), { name: 'RejectedError', reason: 'shed' })
    const remote = { clock, tryAcquire: () => undefined, acquire: () => Promise.reject(error) }
    await ask(observed(remote, observer)).settled
    expect(log).toEqual(['queued', 'rejected shed 0 queued'])
  })

  test('nothing of a tryAcquire that gives nothing, and then of the acquire that follows', async () => {
    const { limiter, log } = made()
    const permit = take(limiter)
    expect(limiter.tryAcquire()).toBeUndefined()
    expect(log).toEqual(['admitted 0'])
    const waiter = ask(limiter)
    permit.release()
    await waiter.settled
    expect(log).toEqual(['admitted 0', 'queued', 'released success 0', 'admitted 0 queued'])
  })

  test('nothing of a bad request', async () => {
    const { limiter, log } = made()
    expect(() => limiter.tryAcquire({ weight: -1 })).toThrow(RangeError)
    expect(await ask(limiter, { weight: 2 }).settled).toBeInstanceOf(RangeError)
    take(limiter)
    expect(await ask(limiter, { weight: 2 }).settled).toBeInstanceOf(RangeError)
    expect(log).toEqual(['admitted 0'])
  })

  test('of the request each time', async () => {
    const { limiter, observer } = made({ queue: 1 })
    const request = { key: 'a' }
    const permit = take(limiter, request)
    const waiter = ask(limiter, request)
    await ask(limiter, request).settled
    permit.release()
    await waiter.settled
    for (const method of Object.values(observer)) {
      expect(method).toHaveBeenCalled()
      for (const [event] of vi.mocked(method).mock.calls) expect(event.request).toBe(request)
    }
  })

  test('of itself, if its methods look for it', () => {
    class Counter implements Observer {
      admissions = 0
      admitted(): void {
        this.admissions++
      }
    }
    const counter = new Counter()
    take(observed(new BoundedSemaphore(1), counter))
    expect(counter.admissions).toBe(1)
  })

  test('after it happened, and may ask the limiter again', async () => {
    const semaphore = new BoundedSemaphore(1, { clock })
    const seen: string[] = []
    const note = (event: string) => () => {
      seen.push(
        `${event}: ${semaphore.inUse} in use, ${semaphore.waiting} waiting, ${countFree(semaphore)} free`,
      )
    }
    const limiter = observed(semaphore, {
      admitted: note('admitted'),
      queued: note('queued'),
      rejected: note('rejected'),
      released: note('released'),
    })
    const permit = take(limiter)
    const waiter = ask(limiter, { timeout: 10 })
    clock.advance(10)
    await waiter.settled
    permit.release()
    expect(seen).toEqual([
      'admitted: 1 in use, 0 waiting, 0 free',
      'queued: 1 in use, 1 waiting, 0 free',
      'rejected: 1 in use, 0 waiting, 0 free',
      'released: 0 in use, 0 waiting, 1 free',
    ])
  })
})

describe('a limiter that is observed', () => {
  test('tells what the limiter tells', () => {
    const semaphore = new BoundedSemaphore(3, { timeout: 50, queue: 0, clock })
    const limiter = observed(semaphore, { admitted() {} })
    const { limit, timeout, full } = limiter
    expect({ limit, timeout, full }).toEqual({ limit: 3, timeout: 50, full: true })
    expect(limiter.clock).toBe(clock)
    semaphore.resize(5)
    expect(limiter.limit).toBe(5)
    const bare = observed(
      { tryAcquire: () => undefined, acquire: () => new Promise(() => {}) },
      notes().observer,
    )
    expect([bare.limit, bare.timeout, bare.full, bare.clock]).toEqual(Array(4).fill(undefined))
  })

  test('by one who wants to know nothing is the limiter itself', () => {
    const semaphore = new BoundedSemaphore(1)
    expect(observed(semaphore, {})).toBe(semaphore)
    expect(observed(semaphore, { admitted: undefined } as never)).toBe(semaphore)
  })

  test('by one who does not want to know of releases gives the permits of the limiter', async () => {
    const permit = take(new BoundedSemaphore(1))
    const limiter = observed(
      { tryAcquire: () => permit, acquire: () => Promise.resolve(permit) },
      { admitted() {}, queued() {}, rejected() {} },
    )
    expect(limiter.tryAcquire()).toBe(permit)
    expect(await limiter.acquire()).toBe(permit)
  })

  test('can be one of the limiters that keyed makes', () => {
    const { log, observer } = notes()
    const limiter = keyed(() => observed(new BoundedSemaphore(1, { clock }), observer))
    take(limiter, { key: 'a' }).release('dropped')
    expect(log).toEqual(['admitted 0', 'released dropped 0'])
    expect(limiter.keys).toBe(0)
  })

  test('throws from a release what the limiter throws, after it told of it', () => {
    const { semaphore, limiter, log } = made()
    const permit = take(limiter)
    semaphore.release()
    expect(thrownBy(() => permit.release())).toBeInstanceOf(RangeError)
    expect(log).toEqual(['admitted 0', 'released success 0'])
  })

  test('has a clock even where the limiter has none', async () => {
    const semaphore = new BoundedSemaphore(1)
    const { observer } = notes()
    const limiter = observed(
      {
        tryAcquire: (request) => semaphore.tryAcquire(request),
        acquire: (request) => semaphore.acquire(request),
      },
      observer,
    )
    const permit = take(limiter)
    const waiter = ask(limiter)
    permit.release()
    await waiter.settled
    const [event] = vi.mocked(observer.admitted).mock.calls[1] ?? []
    expect(event?.wait).toBeGreaterThanOrEqual(0)
  })
})

describe('an observer that fails', () => {
  const failure = new Error('no metrics today')
  const logged = vi.fn()
  beforeEach(() => {
    logged.mockClear()
    vi.spyOn(console, 'error').mockImplementation(logged)
  })
  afterEach(() => void vi.restoreAllMocks())

  const fail = (): never => {
    throw failure
  }
  const reject = (): Promise<never> => Promise.reject(failure)

  test.each([
    ['throws', fail],
    ['rejects', reject],
  ])('and %s is reported, and loses no permit and no waiter', async (_, method) => {
    const semaphore = new BoundedSemaphore(1, { queue: 1, clock })
    const observer = { admitted: method, queued: method, rejected: method, released: method }
    const limiter = observed(semaphore, observer)
    const permit = take(limiter)
    const waiter = ask(limiter)
    expect(await ask(limiter).settled).toBe('full')
    permit.release()
    expect(await waiter.settled).toBe('permit')
    waiter.release()
    await flush()
    expect([semaphore.inUse, semaphore.waiting]).toEqual([0, 0])
    // Admitted, queued, rejected, released, admitted, released.
    expect(logged.mock.calls).toEqual(Array(6).fill(['lineclear: an observer failed:', failure]))
  })
})

describe('it takes only', () => {
  const semaphore = new BoundedSemaphore(1)

  test('a limiter', () => {
    expect(() => observed(5 as never, {})).toThrow(
      new TypeError('limiter must be a limiter, with acquire and tryAcquire; received 5'),
    )
  })

  test.each([
    [null, 'observer must be an object; received null'],
    [() => {}, 'observer must be an object; received a function'],
    [{ admitted: 'yes' }, 'admitted must be a function; received "yes"'],
    [{ released: null }, 'released must be a function; received null'],
  ])('an observer, not %o', (observer, message) => {
    expect(() => observed(semaphore, observer as never)).toThrow(new TypeError(message))
  })
})

test('the gauges of an observer agree with the semaphore, whatever happens', async () => {
  const acts = [
    'acquire',
    'acquire',
    'tryAcquire',
    'release',
    'release',
    'abort',
    'advance',
    'flush',
  ] as const
  const step = fc.record({
    act: fc.constantFrom(...acts),
    timeout: fc.constantFrom(0, 8, Infinity),
    which: fc.nat(5),
  })
  const property = fc.asyncProperty(fc.array(step, { size: 'max', maxLength: 50 }), async (steps) => {
    const clock = new VirtualClock()
    const semaphore = new BoundedSemaphore(2, { queue: 2, clock })
    let [inside, waiting, told] = [0, 0, 0]
    const limiter = observed(semaphore, {
      queued: () => void waiting++,
      admitted: ({ queued }) => {
        inside++
        if (queued) waiting--
      },
      rejected: ({ queued }) => {
        told++
        if (queued) waiting--
      },
      released: () => void inside--,
    })
    const controllers = [new AbortController(), new AbortController()]
    const releases: (() => void)[] = []
    let rejections = 0
    for (const { act, timeout, which } of steps) {
      if (act === 'tryAcquire') {
        const permit = limiter.tryAcquire()
        if (permit !== undefined) releases.push(() => permit.release())
      } else if (act === 'acquire') {
        const asked: Asked = ask(limiter, { timeout, signal: controllers[which]?.signal })
        void asked.settled.then((outcome) => {
          if (outcome === 'permit') releases.push(() => asked.release())
          else rejections++
        })
      } else if (act === 'release') {
        for (const release of releases.splice(which % (releases.length || 1), 1)) release()
      } else if (act === 'abort') {
        controllers[which % 2]?.abort()
        controllers[which % 2] = new AbortController()
      } else if (act === 'advance') {
        clock.advance(which)
      } else {
        await flush()
        expect([inside, waiting, told]).toEqual([semaphore.inUse, semaphore.waiting, rejections])
      }
    }
    semaphore.close()
    await flush()
    for (const release of releases) release()
    expect([inside, waiting, told]).toEqual([0, 0, rejections])
    expect(semaphore.inUse).toBe(0)
  })
  await fc.assert(property, { numRuns: 200 })
})
