import { adaptiveLifo, BoundedSemaphore, Semaphore } from '@lineclear/core'
import { beforeEach, describe, expect, test } from 'vitest'
import { ask, askTimes, flush, noteOrder, outcomes, take, thrownBy, VirtualClock } from './helpers.ts'

describe('adaptiveLifo', () => {
  let clock: VirtualClock

  beforeEach(() => {
    clock = new VirtualClock()
  })

  function semaphoreWith(options?: Parameters<typeof adaptiveLifo>[0], permits = 1): BoundedSemaphore {
    return new BoundedSemaphore(permits, { queue: adaptiveLifo(options), clock })
  }

  /** The order in which three are served when the queue has stood for so long, after a hold of so long. */
  async function orderAfter(ms: number, hold = 1): Promise<unknown[]> {
    const semaphore = semaphoreWith()
    for (let i = 0; i < 50; i++) await holdFor(semaphore, hold)
    const permit = take(semaphore)
    const order: unknown[] = []
    const waiters = [1, 2, 3].map((name) => noteOrder(semaphore, order, name))
    clock.advance(ms)
    permit.release()
    for (let i = 0; i < 3; i++) {
      await flush()
      waiters[Number(order[i]) - 1]?.release()
    }
    return order
  }

  async function holdFor(semaphore: BoundedSemaphore, ms: number): Promise<void> {
    const permit = take(semaphore)
    clock.advance(ms)
    permit.release()
    await flush()
  }

  test('serves the oldest first while the queue was empty within 100 ms', async () => {
    expect(await orderAfter(0)).toEqual([1, 2, 3])
    expect(await orderAfter(100)).toEqual([1, 2, 3])
  })

  test('serves the newest first when the queue has stood for longer', async () => {
    expect(await orderAfter(101)).toEqual([3, 2, 1])
  })

  test('takes a mean hold for standing, where that is more', async () => {
    // The permit in the way counts for a fiftieth: 1000 + .02 x 50 is 1001.
    expect(await orderAfter(950, 1000)).toEqual([1, 2, 3])
    expect(await orderAfter(1050, 1000)).toEqual([3, 2, 1])
  })

  test('is in peace again when the queue has been empty', async () => {
    const semaphore = semaphoreWith()
    const permit = take(semaphore)
    const first = ask(semaphore)
    clock.advance(500)
    permit.release()
    await first.settled
    const order: unknown[] = []
    noteOrder(semaphore, order, 1)
    noteOrder(semaphore, order, 2)
    first.release()
    await flush()
    expect(order).toEqual([1])
  })

  test('refuses the newcomer when full in peace, and evicts the oldest when it stands', async () => {
    const semaphore = semaphoreWith({ limit: 2 })
    take(semaphore)
    const early = askTimes(3, semaphore)
    await flush()
    expect(outcomes(early)).toEqual(['pending', 'pending', 'full'])
    expect(semaphore.full).toBe(true)
    clock.advance(101)
    expect(semaphore.full).toBe(false)
    const late = ask(semaphore)
    await flush()
    expect(outcomes([...early, late])).toEqual(['evicted', 'pending', 'full', 'pending'])
  })

  test('of 0 places refuses everybody', async () => {
    const semaphore = semaphoreWith({ limit: 0 })
    take(semaphore)
    clock.advance(1000)
    expect(semaphore.full).toBe(true)
    expect(await ask(semaphore).settled).toBe('full')
  })

  test.each([
    [1, 100],
    [10, 100],
    [11, 110],
    [50, 500],
  ])('with %i permits has %i places, unless told otherwise', async (permits, places) => {
    const semaphore = semaphoreWith({}, permits)
    take(semaphore, { weight: permits })
    askTimes(places - 1, semaphore)
    expect(semaphore.full).toBe(false)
    ask(semaphore)
    expect(semaphore.full).toBe(true)
  })

  test('has more places when there are more permits', () => {
    const semaphore = semaphoreWith({}, 10)
    semaphore.resize(20)
    take(semaphore, { weight: 20 })
    askTimes(199, semaphore)
    expect(semaphore.full).toBe(false)
  })

  test('has places without end in a semaphore without a limit', () => {
    const semaphore = new Semaphore(0, { queue: adaptiveLifo(), clock })
    askTimes(1000, semaphore)
    expect(semaphore.waiting).toBe(1000)
  })

  test('lets nobody wait longer than 5 s', async () => {
    const semaphore = semaphoreWith()
    take(semaphore)
    const waiter = ask(semaphore)
    clock.advance(4999)
    await flush()
    expect(waiter.outcome).toBe('pending')
    clock.advance(1)
    expect(await waiter.settled).toBe('timeout')
  })

  test('lets them wait for thirty mean holds, where that is more, in whole seconds', async () => {
    const semaphore = semaphoreWith()
    expect(semaphore.timeout).toBe(5000)
    await holdFor(semaphore, 210)
    expect(semaphore.timeout).toBe(7000)
  })

  test('takes the plain mean of the first fifty holds, and then the latest for a fiftieth', async () => {
    const semaphore = semaphoreWith()
    await holdFor(semaphore, 10_000)
    for (let i = 0; i < 49; i++) await holdFor(semaphore, 0)
    expect(semaphore.timeout).toBe(6000)
    // 200 + .02 x (5200 - 200), thirty times.
    await holdFor(semaphore, 5200)
    expect(semaphore.timeout).toBe(9000)
  })

  test('leaves the time-out to the semaphore and the request, where they say', async () => {
    const semaphore = new BoundedSemaphore(1, { queue: adaptiveLifo(), clock, timeout: 50 })
    take(semaphore)
    const [usual, hasty] = [ask(semaphore), ask(semaphore, { timeout: 10 })]
    clock.advance(10)
    await flush()
    expect(outcomes([usual, hasty])).toEqual(['pending', 'timeout'])
    clock.advance(40)
    expect(await usual.settled).toBe('timeout')
  })

  test('does not count the hold of who was granted a permit and gave up', async () => {
    const semaphore = semaphoreWith()
    const permit = take(semaphore)
    const controller = new AbortController()
    const waiter = ask(semaphore, { signal: controller.signal })
    clock.advance(2000)
    permit.release()
    controller.abort()
    await waiter.settled
    expect(semaphore.timeout).toBe(60_000)
  })

  test('has no options that are none', () => {
    expect(thrownBy(() => adaptiveLifo({ limit: 1.5 }))).toEqual(
      new RangeError('adaptiveLifo limit must be a whole number of at least 0; received 1.5'),
    )
    expect(thrownBy(() => adaptiveLifo({ size: 1 } as never))).toEqual(
      new TypeError('adaptiveLifo has no option "size"; it knows limit'),
    )
  })
})
