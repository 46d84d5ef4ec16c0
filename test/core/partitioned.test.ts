import { BoundedSemaphore, type Permit, partitioned } from '@lineclear/core'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  type Asked,
  ask,
  askTimes,
  flush,
  noteOrder,
  outcomes,
  take,
  thrownBy,
  VirtualClock,
} from './helpers.ts'

describe('partitioned', () => {
  let semaphore: BoundedSemaphore
  let order: string[]

  beforeEach(() => {
    order = []
    semaphore = partitioned({ limit: 6, shares: { gold: 3, bronze: 2 } })
  })

  function takeTimes(count: number, key?: string): Permit[] {
    return Array.from({ length: count }, () => take(semaphore, { key }))
  }

  /** They keep the permits that they get. */
  function askAll(count: number, key?: string): Asked[] {
    const name = key ?? 'none'
    return Array.from({ length: count }, () => noteOrder(semaphore, order, name, { key }))
  }

  async function release(permits: readonly (Permit | undefined)[]): Promise<string> {
    for (const permit of permits) {
      permit?.release()
      await flush()
    }
    return order.splice(0).join(' ')
  }

  test('is a bounded semaphore, with its clock and time-out', async () => {
    const clock = new VirtualClock()
    const timed = partitioned({ limit: 1, shares: {}, timeout: 100, clock })
    expect(timed).toBeInstanceOf(BoundedSemaphore)
    expect([timed.limit, timed.timeout, timed.clock]).toEqual([1, 100, clock])
    take(timed)
    const waiter = ask(timed)
    clock.advance(100)
    expect(await waiter.settled).toBe('timeout')
  })

  test('lends all permits to any class while no other wants them', () => {
    takeTimes(6, 'bronze')
    expect(semaphore.inUse).toBe(6)
    expect(semaphore.tryAcquire({ key: 'gold' })).toBeUndefined()
  })

  test('gives what comes back to the class furthest below its share, until each has its own', async () => {
    const lent = takeTimes(6)
    askAll(4)
    askAll(4, 'bronze')
    askAll(4, 'gold')
    // Gold and bronze have 0/3 and 0/2, 1/3 and 0/2, 1/3 and 1/2, 2/3 and 1/2, 2/3 and 2/2.
    expect(await release(lent.slice(0, 5))).toBe('gold bronze gold bronze gold')
    // The share of all others is the one that is left, and this is its.
    expect(await release(lent.slice(5))).toBe('none')
  })

  test('keeps the share of each as long as it wants it', async () => {
    const [gold, bronze, none] = [takeTimes(3, 'gold'), takeTimes(2, 'bronze'), takeTimes(1)]
    for (const key of ['gold', 'bronze', undefined]) askAll(3, key)
    expect(await release(bronze)).toBe('bronze bronze')
    expect(await release(none)).toBe('none')
    expect(await release(gold)).toBe('gold gold gold')
  })

  test('lends what nobody is below his share for in proportion to the shares', async () => {
    semaphore = partitioned({ limit: 12, shares: { gold: 4, bronze: 2, idle: 6 } })
    const lent = [...takeTimes(4, 'gold'), ...takeTimes(2, 'bronze'), ...takeTimes(6, 'idle')].slice(6)
    askAll(6, 'gold')
    askAll(6, 'bronze')
    // Of the six, gold borrows four and bronze two.
    expect((await release(lent)).split(' ').sort()).toEqual([
      ...['bronze', 'bronze'],
      ...['gold', 'gold', 'gold', 'gold'],
    ])
  })

  test('lends to a class without a share as to one with 1', async () => {
    semaphore = partitioned({ limit: 8, shares: { gold: 2, idle: 6 } })
    const idle = takeTimes(6, 'idle')
    takeTimes(2, 'gold')
    askAll(6, 'gold')
    askAll(6)
    expect((await release(idle)).split(' ').sort()).toEqual([
      ...['gold', 'gold', 'gold', 'gold'],
      ...['none', 'none'],
    ])
  })

  test('takes requests with any other key, or without one, for one class', async () => {
    const lent = takeTimes(6, 'gold')
    for (const key of ['silver', '__proto__', 'toString', undefined]) ask(semaphore, { key })
    askAll(1, 'bronze')
    // The first of them is below its share of 1; so is bronze, and no other.
    lent[0]?.release()
    await flush()
    expect(await release([lent[1]])).toBe('bronze')
    expect(semaphore.waiting).toBe(3)
  })

  test('serves within a class in the order of arrival', async () => {
    const lent = takeTimes(6)
    const log: unknown[] = []
    for (const name of [1, 2, 3]) noteOrder(semaphore, log, name, { key: 'gold' })
    await release(lent.slice(0, 3))
    expect(log).toEqual([1, 2, 3])
  })

  test('counts weights', async () => {
    const heavy = take(semaphore, { weight: 3, key: 'gold' })
    takeTimes(3, 'bronze')
    askAll(3, 'gold')
    askAll(1)
    // Gold has none now, and the other class none either: the three go to the furthest below.
    expect(await release([heavy])).toBe('gold none gold')
  })

  test('lets a heavy request hold back other classes, but for those further below their share', async () => {
    takeTimes(1, 'gold')
    const lent = takeTimes(5)
    const heavy = ask(semaphore, { key: 'bronze', weight: 2 })
    const gold = ask(semaphore, { key: 'gold' })
    await release([lent[0]])
    expect(outcomes([heavy, gold])).toEqual(['pending', 'pending'])
    await release([lent[1]])
    expect(outcomes([heavy, gold])).toEqual(['permit', 'pending'])
    const other = ask(semaphore, { key: 'bronze', weight: 2 })
    await release([lent[2]])
    expect(outcomes([other, gold])).toEqual(['pending', 'permit'])
  })

  test('counts nothing for one who was handed a permit and gave up', async () => {
    const lent = takeTimes(6)
    const controller = new AbortController()
    const leaver = ask(semaphore, { key: 'gold', weight: 1, signal: controller.signal })
    lent[0]?.release()
    controller.abort()
    await leaver.settled
    takeTimes(1)
    askAll(2, 'bronze')
    askAll(3, 'gold')
    // If gold had one already, bronze would come second.
    expect(await release(lent.slice(1, 4))).toBe('bronze gold gold')
  })

  test('has so many places for each class, so that none fills those of another', async () => {
    semaphore = partitioned({ limit: 1, shares: { gold: 1 }, queue: 2 })
    take(semaphore)
    const none = askTimes(3, semaphore)
    const gold = askTimes(3, semaphore, { key: 'gold' })
    await flush()
    expect(outcomes([...none, ...gold])).toEqual(['pending', 'pending', 'full', 'pending', 'pending', 'full'])
    expect(semaphore.full).toBe(false)
    expect(partitioned({ limit: 1, shares: {}, queue: 0 }).full).toBe(true)
  })

  test('of a raised limit gives all others more, of a lowered one less', async () => {
    takeTimes(6)
    askAll(3)
    askAll(3, 'gold')
    semaphore.resize(10)
    await flush()
    // The share of all others is 5 now and six are theirs: three to gold, one borrowed.
    expect(order.splice(0)).toEqual(['gold', 'gold', 'gold', 'none'])
  })

  test('shrunk below the shares divides what there is, and leaves all others none', async () => {
    const lent = takeTimes(6)
    for (const key of [undefined, 'gold', 'bronze']) askAll(9, key)
    semaphore.resize(3)
    expect(await release(lent)).toBe('gold bronze gold')
  })

  test('closes and drains as any other', async () => {
    const permits = takeTimes(6)
    const waiters = [...askAll(2), ...askAll(2, 'gold')]
    semaphore.close()
    await flush()
    expect(outcomes(waiters)).toEqual(['closed', 'closed', 'closed', 'closed'])
    const drained = semaphore.drain()
    await release(permits)
    await drained
  })

  test.each<[Record<string, unknown>, Error]>([
    [{ shares: { a: 3, b: 3 } }, new RangeError('shares must add up to at most the limit of 5; received 6')],
    [{ shares: { a: -1 } }, new RangeError('share of "a" must be a whole number of at least 0; received -1')],
    [{ shares: { a: '1' } }, new TypeError('share of "a" must be a number; received "1"')],
    [{ shares: [1] }, new TypeError('shares must be an object such as { gold: 10 }; received an array')],
    [{ shares: null }, new TypeError('shares must be an object such as { gold: 10 }; received null')],
    [{ limit: -1 }, new RangeError('limit must be a whole number of at least 0; received -1')],
    [{ queue: -1 }, new RangeError('queue must be a whole number of at least 0; received -1')],
    [{ timeout: -1 }, new RangeError('timeout must be 0 ms or more; received -1')],
    [{ clock: {} }, new TypeError('clock must be a clock, with now and setTimer; received an object')],
    [
      { size: 1 },
      new TypeError('partitioned has no option "size"; it knows limit, shares, queue, timeout, clock'),
    ],
  ])('has no options that are none: %o', (options, error) => {
    expect(thrownBy(() => partitioned({ limit: 5, shares: {}, ...options } as never))).toEqual(error)
  })
})
