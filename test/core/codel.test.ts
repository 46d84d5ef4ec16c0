import { BoundedSemaphore, codel } from '@lineclear/core'
import { beforeEach, describe, expect, test } from 'vitest'
import { type Asked, ask, flush, outcomes, take, thrownBy, VirtualClock } from './helpers.ts'

describe('codel', () => {
  let clock: VirtualClock
  let semaphore: BoundedSemaphore
  let inside: { release(): void }

  beforeEach(() => {
    clock = new VirtualClock()
    semaphore = new BoundedSemaphore(1, { queue: codel({ limit: 10 }), clock })
    inside = take(semaphore)
  })

  /** Waiters who come now; and later, whoever is at the front goes in, or is shed. */
  async function next(waiters: readonly Asked[]): Promise<unknown[]> {
    inside.release()
    await flush()
    inside = waiters.findLast(({ outcome }) => outcome === 'permit') as Asked
    return outcomes(waiters)
  }

  test('serves in the order of arrival, and refuses the newcomer when full', async () => {
    const small = new BoundedSemaphore(1, { queue: codel({ limit: 2 }), clock })
    const permit = take(small)
    const waiters = [ask(small), ask(small), ask(small)]
    permit.release()
    await flush()
    expect(outcomes(waiters)).toEqual(['permit', 'pending', 'full'])
  })

  test('sheds nobody while one of the last interval waited for no more than the target', async () => {
    const prompt = ask(semaphore)
    clock.advance(5)
    expect(await next([prompt])).toEqual(['permit'])
    const late = [ask(semaphore), ask(semaphore)]
    clock.advance(101)
    // The interval is over, and its shortest wait was 5 ms.
    expect(await next(late)).toEqual(['permit', 'pending'])
    expect(await next(late)).toEqual(['permit', 'permit'])
  })

  test('sheds who waited for twice the target, after an interval in which all waits were above it', async () => {
    const first = ask(semaphore)
    clock.advance(6)
    expect(await next([first])).toEqual(['permit'])
    const waiters = [ask(semaphore), ask(semaphore), ask(semaphore)]
    clock.advance(101)
    // The one that ends the interval goes in, whatever it waited.
    expect(await next(waiters)).toEqual(['permit', 'pending', 'pending'])
    const fresh = ask(semaphore)
    clock.advance(10)
    expect(await next([...waiters, fresh])).toEqual(['permit', 'shed', 'shed', 'permit'])
  })

  test('sheds nobody whose wait is twice the target and no more', async () => {
    const first = ask(semaphore)
    clock.advance(6)
    await next([first])
    const second = ask(semaphore)
    clock.advance(101)
    await next([second])
    const third = ask(semaphore)
    clock.advance(10)
    expect(await next([third])).toEqual(['permit'])
  })

  test('ends its shedding after an interval with a short wait', async () => {
    const first = ask(semaphore)
    clock.advance(6)
    await next([first])
    const second = ask(semaphore)
    clock.advance(101)
    await next([second])
    const prompt = ask(semaphore)
    clock.advance(1)
    await next([prompt])
    const waiters = [ask(semaphore), ask(semaphore)]
    clock.advance(101)
    expect(await next(waiters)).toEqual(['permit', 'pending'])
    expect(await next(waiters)).toEqual(['permit', 'permit'])
  })

  test('ends its shedding when somebody need not wait at all', async () => {
    const first = ask(semaphore)
    clock.advance(6)
    await next([first])
    const second = ask(semaphore)
    clock.advance(101)
    await next([second])
    inside.release()
    // An hour in which nobody waits: the waits before it say nothing of what comes after it.
    clock.advance(3_600_000)
    inside = take(semaphore)
    const waiters = [ask(semaphore), ask(semaphore), ask(semaphore)]
    clock.advance(15)
    expect(await next(waiters)).toEqual(['permit', 'pending', 'pending'])
    expect(await next(waiters)).toEqual(['permit', 'permit', 'pending'])
  })

  test('takes a target and an interval', async () => {
    semaphore = new BoundedSemaphore(1, { queue: codel({ target: 500, interval: 10_000 }), clock })
    inside = take(semaphore)
    const first = ask(semaphore)
    clock.advance(501)
    await next([first])
    const waiters = [ask(semaphore), ask(semaphore)]
    clock.advance(10_001)
    expect(await next(waiters)).toEqual(['permit', 'pending'])
    expect(await next(waiters)).toEqual(['permit', 'shed'])
    expect(semaphore.inUse).toBe(0)
  })

  test('has no options that are none', () => {
    expect(thrownBy(() => codel({ target: -1 }))).toEqual(
      new RangeError('codel target must be 0 ms or more; received -1'),
    )
    expect(thrownBy(() => codel({ interval: '5' as never }))).toEqual(
      new TypeError('codel interval must be a number of ms; received "5"'),
    )
    expect(thrownBy(() => codel(5 as never))).toEqual(new TypeError('codel must be an object; received 5'))
  })
})
