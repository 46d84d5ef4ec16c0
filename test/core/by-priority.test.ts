import { BoundedSemaphore, type ByPriorityOptions, byPriority } from '@lineclear/core'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Asked, ask, flush, noteOrder, outcomes, take, thrownBy, VirtualClock } from './helpers.ts'

describe('byPriority', () => {
  let clock: VirtualClock

  beforeEach(() => {
    clock = new VirtualClock()
  })

  function busy(options?: ByPriorityOptions): BoundedSemaphore {
    const semaphore = new BoundedSemaphore(1, { queue: byPriority(options), clock })
    take(semaphore)
    return semaphore
  }

  function askAll(semaphore: BoundedSemaphore, priorities: readonly number[]): Asked[] {
    return priorities.map((priority) => ask(semaphore, { priority }))
  }

  /** Lets all in who wait, one after the other. */
  async function serveAll(semaphore: BoundedSemaphore): Promise<void> {
    while (semaphore.inUse > 0) {
      semaphore.release()
      await flush()
    }
  }

  /** The order in which those go in who ask now, named by their place and priority. */
  async function orderOf(priorities: readonly number[], apart = 0, options?: ByPriorityOptions) {
    const semaphore = busy(options)
    const log: unknown[] = []
    for (const [i, priority] of priorities.entries()) {
      noteOrder(semaphore, log, `${i}:${priority}`, { priority })
      clock.advance(apart)
    }
    await serveAll(semaphore)
    return log
  }

  test('serves the highest priority first, and those of the same in the order they came', async () => {
    expect(await orderOf([1, 3, 2, 3, 1])).toEqual(['1:3', '3:3', '2:2', '0:1', '4:1'])
  })

  test('takes any number for a priority, and 0 where there is none', async () => {
    const numbers = [-Infinity, -1.5, -0, 0, 0.5, Number.MIN_VALUE, Number.MAX_VALUE, Infinity]
    const expected = ['7:Infinity', '6:1.7976931348623157e+308', '4:0.5', '5:5e-324', '2:0', '3:0']
    expect(await orderOf(numbers)).toEqual([...expected, '1:-1.5', '0:-Infinity'])
    const semaphore = busy()
    const log: unknown[] = []
    noteOrder(semaphore, log, 'low', { priority: -1 })
    noteOrder(semaphore, log, 'none')
    noteOrder(semaphore, log, 'zero', { priority: 0 })
    await serveAll(semaphore)
    expect(log).toEqual(['none', 'zero', 'low'])
  })

  test('lets a low one wait for ever while higher ones come, unless waiting counts', async () => {
    expect(await orderOf([0, 1, 1], 1e9)).toEqual(['1:1', '2:1', '0:0'])
    expect(await orderOf([0, 1, 1], 60, { aging: 100 })).toEqual(['1:1', '0:0', '2:1'])
  })

  test('with aging counts so many ms for one step of priority', async () => {
    expect(await orderOf([0, 2], 199, { aging: 100 })).toEqual(['1:2', '0:0'])
    expect(await orderOf([0, 2], 201, { aging: 100 })).toEqual(['0:0', '1:2'])
  })

  test('with aging of 0 serves the oldest first', async () => {
    expect(await orderOf([0, Infinity, -Infinity, 5], 1, { aging: 0 })).toEqual([
      '0:0',
      '1:Infinity',
      '2:-Infinity',
      '3:5',
    ])
  })

  test('does not starve the endlessly low, whatever the aging', async () => {
    expect(await orderOf([-Infinity, 0, Infinity], 1, { aging: 100 })).toEqual([
      '2:Infinity',
      '1:0',
      '0:-Infinity',
    ])
  })

  test('full, turns away the newest of the lowest priority, which may be the newcomer', async () => {
    const semaphore = busy({ limit: 3 })
    const waiters = askAll(semaphore, [1, 0, 0, 2, 0, 1])
    await flush()
    expect(outcomes(waiters)).toEqual(['pending', 'evicted', 'evicted', 'pending', 'full', 'pending'])
    expect(semaphore.waiting).toBe(3)
  })

  test('full, ranks by priority and not by age, also with aging', async () => {
    const semaphore = busy({ limit: 1, aging: 10 })
    const [low] = askAll(semaphore, [0])
    clock.advance(1000)
    askAll(semaphore, [1])
    expect(await low?.settled).toBe('evicted')
  })

  test('leaves each priority the places of its floor', async () => {
    const semaphore = busy({ limit: 4, floor: 2 })
    const low = askAll(semaphore, [0, 0, 0])
    const high = askAll(semaphore, [1, 1, 1])
    await flush()
    expect(outcomes(low)).toEqual(['pending', 'pending', 'evicted'])
    expect(outcomes(high)).toEqual(['pending', 'pending', 'full'])
  })

  test('gives a low newcomer a place of its floor that a higher priority has taken', async () => {
    const semaphore = busy({ limit: 3, floor: 1 })
    const high = askAll(semaphore, [1, 1, 1])
    const low = askAll(semaphore, [0, 0])
    await flush()
    expect(outcomes(high)).toEqual(['pending', 'pending', 'evicted'])
    expect(outcomes(low)).toEqual(['pending', 'full'])
  })

  test('turns away the lowest where the floors do not fit', async () => {
    const semaphore = busy({ limit: 3, floor: 1 })
    const waiters = askAll(semaphore, [0, 1, 2, 3, -1])
    await flush()
    expect(outcomes(waiters)).toEqual(['evicted', 'pending', 'pending', 'pending', 'full'])
  })

  test('of 0 places refuses everybody, and says so', async () => {
    const semaphore = busy({ limit: 0, floor: 5 })
    expect(semaphore.full).toBe(true)
    expect(await ask(semaphore, { priority: Infinity }).settled).toBe('full')
    expect(busy({ limit: 1 }).full).toBe(false)
  })

  test('lets a heavy one hold back those after it, but not those before it', async () => {
    const semaphore = new BoundedSemaphore(2, { queue: byPriority(), clock })
    take(semaphore)
    const heavy = ask(semaphore, { weight: 2, priority: 1 })
    const low = ask(semaphore, { priority: 0 })
    const high = ask(semaphore, { priority: 2 })
    await flush()
    expect(outcomes([heavy, low, high])).toEqual(['pending', 'pending', 'permit'])
    semaphore.release(2)
    expect(await heavy.settled).toBe('permit')
    expect(low.outcome).toBe('pending')
  })

  test('sees 10,000 priorities come, go and leave, in order', async () => {
    const semaphore = busy()
    const log: number[] = []
    const controllers: AbortController[] = []
    for (let i = 0; i < 10_000; i++) {
      const controller = new AbortController()
      controllers.push(controller)
      const priority = (i * 7919) % 10_007
      semaphore.acquire({ priority, signal: controller.signal }).then(
        () => log.push(priority),
        () => undefined,
      )
    }
    for (let i = 0; i < 10_000; i += 2) controllers[i]?.abort()
    semaphore.resize(5001)
    await semaphore.acquire({ timeout: 0 }).catch(() => undefined)
    await flush()
    expect(log).toHaveLength(5000)
    expect(log).toEqual(log.toSorted((a, b) => b - a))
  })

  test('has no options that are none', () => {
    expect(thrownBy(() => byPriority({ limit: -1 }))).toEqual(
      new RangeError('byPriority limit must be a whole number of at least 0; received -1'),
    )
    expect(thrownBy(() => byPriority({ aging: Number.NaN }))).toEqual(
      new RangeError('byPriority aging must be 0 ms or more; received NaN'),
    )
    expect(thrownBy(() => byPriority({ floor: Infinity }))).toEqual(
      new RangeError('byPriority floor must be a whole number of at least 0; received Infinity'),
    )
    expect(thrownBy(() => byPriority(5 as never))).toEqual(
      new TypeError('byPriority must be an object; received 5'),
    )
  })
})
