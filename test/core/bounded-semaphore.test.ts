import { type AcquireRequest, BoundedSemaphore, RejectedError } from '@lineclear/core'
import { describe, expect, test, vi } from 'vitest'
import { ask, askTimes, flush, outcomes, take, VirtualClock } from './helpers.ts'

describe('a BoundedSemaphore', () => {
  test('knows its limit, what is in use and what is free', () => {
    const semaphore = new BoundedSemaphore(3)
    take(semaphore, { weight: 2 })
    expect(semaphore.limit).toBe(3)
    expect(semaphore.inUse).toBe(2)
    expect(semaphore.value).toBe(1)
  })

  test('counts a permit that was handed over but whose waiter has yet to run', () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    ask(semaphore)
    permit.release()
    expect(semaphore.inUse).toBe(1)
    expect(semaphore.waiting).toBe(0)
  })

  test('of limit 1 is the default', () => {
    expect(new BoundedSemaphore().limit).toBe(1)
  })

  test.each([1, 3])('released too often throws and changes nothing: %i too many', async (count) => {
    const semaphore = new BoundedSemaphore(2)
    take(semaphore, { weight: 2 })
    semaphore.release(2)
    expect(() => semaphore.release(count)).toThrow(
      new RangeError(`released too often: 0 in use, ${count} released`),
    )
    expect(semaphore.value).toBe(2)
    expect(semaphore.inUse).toBe(0)
    expect(semaphore.tryAcquire({ weight: 2 })).toBeDefined()
  })

  test('released too often by a permit, after a stray release, hears of it from the permit', () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    semaphore.release()
    expect(() => permit.release()).toThrow(RangeError)
    expect(() => permit.release()).not.toThrow()
    expect(semaphore.value).toBe(1)
  })
})

describe('resize', () => {
  test('up lets as many waiters in at once as now fit', async () => {
    const semaphore = new BoundedSemaphore(1)
    take(semaphore)
    const waiters = askTimes(3, semaphore)
    semaphore.resize(3)
    await flush()
    expect(outcomes(waiters)).toEqual(['permit', 'permit', 'pending'])
    expect(semaphore.limit).toBe(3)
    expect(semaphore.inUse).toBe(3)
  })

  test('down revokes nothing and takes effect as permits are released', async () => {
    const semaphore = new BoundedSemaphore(3)
    const permits = [take(semaphore), take(semaphore), take(semaphore)]
    const waiter = ask(semaphore)
    semaphore.resize(1)
    expect(semaphore.limit).toBe(1)
    expect(semaphore.inUse).toBe(3)
    permits[0]?.release()
    permits[1]?.release()
    await flush()
    expect(waiter.outcome).toBe('pending')
    expect(semaphore.inUse).toBe(1)
    permits[2]?.release()
    expect(await waiter.settled).toBe('permit')
    expect(semaphore.inUse).toBe(1)
  })

  test('down never shows a negative value', () => {
    const semaphore = new BoundedSemaphore(3)
    take(semaphore, { weight: 3 })
    semaphore.resize(1)
    expect(semaphore.value).toBe(0)
    expect(semaphore.locked).toBe(true)
    expect(String(semaphore)).toBe('BoundedSemaphore [locked]')
  })

  test('down below what is in use still takes those releases, and no more', () => {
    const semaphore = new BoundedSemaphore(3)
    take(semaphore, { weight: 3 })
    semaphore.resize(1)
    semaphore.release(3)
    expect(semaphore.value).toBe(1)
    expect(() => semaphore.release()).toThrow(RangeError)
  })

  test('down and up again leaves all as it was', () => {
    const semaphore = new BoundedSemaphore(3)
    take(semaphore, { weight: 2 })
    semaphore.resize(0)
    semaphore.resize(3)
    expect(semaphore.inUse).toBe(2)
    expect(semaphore.value).toBe(1)
  })

  test('down keeps a permit that was handed over but not told yet', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    const waiter = ask(semaphore)
    permit.release()
    semaphore.resize(0)
    expect(await waiter.settled).toBe('permit')
  })

  test('down evicts a waiter too heavy for the new limit when it is its turn, not before', async () => {
    const semaphore = new BoundedSemaphore(3)
    const permit = take(semaphore, { weight: 3 })
    const [head, heavy, last] = [1, 2, 1].map((weight) => ask(semaphore, { weight }))
    semaphore.resize(1)
    await flush()
    expect(heavy?.outcome).toBe('pending')
    permit.release()
    expect(await head?.settled).toBe('permit')
    expect(await heavy?.settled).toBe('evicted')
    expect(last?.outcome).toBe('pending')
    head?.release()
    expect(await last?.settled).toBe('permit')
  })

  test('down evicts at once a head that is now too heavy, and lets those behind in', async () => {
    const semaphore = new BoundedSemaphore(3)
    take(semaphore)
    const heavy = ask(semaphore, { weight: 3 })
    const light = ask(semaphore)
    semaphore.resize(2)
    expect(await heavy.settled).toBe('evicted')
    expect(await light.settled).toBe('permit')
  })

  test('to 0 is a pause: all weights wait, and go on when it is over', async () => {
    const semaphore = new BoundedSemaphore(3)
    semaphore.resize(0)
    expect(semaphore.tryAcquire()).toBeUndefined()
    const waiters = [1, 2, 0].map((weight) => ask(semaphore, { weight }))
    await flush()
    expect(outcomes(waiters)).toEqual(['pending', 'pending', 'pending'])
    semaphore.resize(4)
    await flush()
    expect(outcomes(waiters)).toEqual(['permit', 'permit', 'permit'])
    expect(semaphore.inUse).toBe(3)
  })

  test('changes which weights are too heavy to ask for', async () => {
    const semaphore = new BoundedSemaphore(1)
    expect(() => semaphore.tryAcquire({ weight: 2 })).toThrow(
      'weight must be at most the limit of 1; received 2',
    )
    semaphore.resize(2)
    expect(semaphore.tryAcquire({ weight: 2 })).toBeDefined()
  })
})

describe('refuse', () => {
  test('says at once why acquire would turn one away', () => {
    const semaphore = new BoundedSemaphore(2, { queue: 1 })
    const reason = (request?: AcquireRequest): unknown => semaphore.refuse(request)?.reason
    expect([reason(), reason({ timeout: 0 })]).toEqual([undefined, undefined])
    take(semaphore, { weight: 2 })
    expect([reason(), reason({ timeout: 0 })]).toEqual([undefined, 'timeout'])
    ask(semaphore)
    expect([reason(), reason({ timeout: 0 })]).toEqual(['full', 'timeout'])
    expect(reason({ signal: AbortSignal.abort() })).toBeUndefined()
    const cause = new Error('shutting down')
    semaphore.close(cause)
    expect(semaphore.refuse()).toMatchObject({ reason: 'closed', cause })
    expect(() => semaphore.refuse({ weight: 3 })).toThrow(RangeError)
  })

  test('says nothing to one who goes in behind somebody granted a permit in this turn', async () => {
    const semaphore = new BoundedSemaphore(2, { queue: 1 })
    const permits = [take(semaphore), take(semaphore)]
    const first = ask(semaphore)
    for (const permit of permits) permit.release()
    // One permit is free, but who was granted the other has yet to run.
    expect(semaphore.tryAcquire()).toBeUndefined()
    expect(semaphore.refuse({ timeout: 0 })).toBeUndefined()
    expect(await ask(semaphore, { timeout: 0 }).settled).toBe('permit')
    expect(first.outcome).toBe('permit')
  })
})

describe('close', () => {
  test('turns waiters and newcomers away, with its reason as the cause', async () => {
    const semaphore = new BoundedSemaphore(1)
    take(semaphore)
    const waiting = semaphore.acquire()
    const reason = new Error('shutting down')
    semaphore.close(reason)
    for (const refused of [waiting, semaphore.acquire()]) {
      const error = await refused.catch((error: unknown) => error)
      expect(error).toBeInstanceOf(RejectedError)
      expect(error).toMatchObject({ reason: 'closed', cause: reason })
    }
    expect(semaphore.waiting).toBe(0)
  })

  test('without a reason leaves the errors without a cause', async () => {
    const semaphore = new BoundedSemaphore(1)
    semaphore.close()
    const error = await semaphore.acquire().catch((error: unknown) => error)
    expect(error).toHaveProperty('reason', 'closed')
    expect(error).not.toHaveProperty('cause')
  })

  test('keeps newcomers out though permits are free', async () => {
    const semaphore = new BoundedSemaphore(2)
    semaphore.close()
    expect(semaphore.tryAcquire()).toBeUndefined()
    expect(await ask(semaphore).settled).toBe('closed')
  })

  test('leaves permits in use valid, and their release harmless', () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    semaphore.close()
    expect(semaphore.inUse).toBe(1)
    permit.release()
    expect(semaphore.inUse).toBe(0)
  })

  test('leaves a waiter its permit that was handed it just before', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    const waiter = ask(semaphore)
    permit.release()
    semaphore.close()
    expect(await waiter.settled).toBe('permit')
    waiter.release()
    expect(semaphore.inUse).toBe(0)
  })

  test('a second time changes nothing, not even the reason', async () => {
    const semaphore = new BoundedSemaphore(1)
    semaphore.close('first')
    semaphore.close('second')
    await expect(semaphore.acquire()).rejects.toMatchObject({ cause: 'first' })
  })

  test('is not undone by a resize', async () => {
    const semaphore = new BoundedSemaphore(1)
    semaphore.close()
    semaphore.resize(5)
    expect(semaphore.tryAcquire()).toBeUndefined()
    expect(await ask(semaphore).settled).toBe('closed')
  })

  test('leaves neither a timer that keeps the process alive nor a listener', async () => {
    const clock = new VirtualClock()
    const semaphore = new BoundedSemaphore(1, { clock })
    take(semaphore)
    const { signal } = new AbortController()
    const removed = vi.spyOn(signal, 'removeEventListener')
    ask(semaphore, { timeout: 1000, signal })
    semaphore.close()
    expect(clock.timers).toBe(0)
    expect(removed).toHaveBeenCalledOnce()
  })
})

describe('drain', () => {
  /** Whether a drain asked for now has resolved; look at it after a flush. */
  const watchDrain = (semaphore: BoundedSemaphore): { done: boolean } => {
    const watched = { done: false }
    void semaphore.drain().then(() => {
      watched.done = true
    })
    return watched
  }

  const expectDone = async (watched: { done: boolean }, done: boolean): Promise<void> => {
    await flush()
    expect(watched.done).toBe(done)
  }

  test('resolves at once when nothing is in use', async () => {
    await new BoundedSemaphore(1).drain()
    await new BoundedSemaphore(0).drain()
  })

  test('resolves after the last release, not before', async () => {
    const semaphore = new BoundedSemaphore(2)
    const permits = [take(semaphore), take(semaphore)]
    const drained = watchDrain(semaphore)
    permits[0]?.release()
    await expectDone(drained, false)
    permits[1]?.release()
    await expectDone(drained, true)
  })

  test('resolves after the last waiter has come and gone', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    const waiter = ask(semaphore)
    const drained = watchDrain(semaphore)
    permit.release()
    await expectDone(drained, false)
    waiter.release()
    await expectDone(drained, true)
  })

  test('resolves for everybody who asked', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    const all = [watchDrain(semaphore), watchDrain(semaphore)]
    permit.release()
    await flush()
    expect(all).toEqual([{ done: true }, { done: true }])
  })

  test('asked for again waits again', async () => {
    const semaphore = new BoundedSemaphore(1)
    await semaphore.drain()
    const permit = take(semaphore)
    const drained = watchDrain(semaphore)
    await expectDone(drained, false)
    permit.release()
    await expectDone(drained, true)
  })

  test('waits for a permit whose waiter left after the hand-over only until it left', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    const controller = new AbortController()
    ask(semaphore, { signal: controller.signal })
    const drained = watchDrain(semaphore)
    permit.release()
    controller.abort()
    await expectDone(drained, true)
  })

  test('on a paused semaphore resolves when all waiters abort', async () => {
    const semaphore = new BoundedSemaphore(0)
    const controllers = [new AbortController(), new AbortController()]
    for (const { signal } of controllers) ask(semaphore, { signal })
    const drained = watchDrain(semaphore)
    controllers[0]?.abort()
    await expectDone(drained, false)
    controllers[1]?.abort()
    await expectDone(drained, true)
  })

  test('on a paused semaphore resolves when the last waiter times out', async () => {
    const clock = new VirtualClock()
    const semaphore = new BoundedSemaphore(0, { clock })
    ask(semaphore, { timeout: 10 })
    const drained = watchDrain(semaphore)
    clock.advance(9)
    await expectDone(drained, false)
    clock.advance(1)
    await expectDone(drained, true)
  })

  test('on a paused semaphore resolves when it is closed', async () => {
    const semaphore = new BoundedSemaphore(0)
    ask(semaphore)
    const drained = watchDrain(semaphore)
    await expectDone(drained, false)
    semaphore.close()
    await expectDone(drained, true)
  })

  test('after a close waits for those inside', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    ask(semaphore)
    semaphore.close()
    const drained = watchDrain(semaphore)
    await expectDone(drained, false)
    permit.release()
    await expectDone(drained, true)
  })

  test('resolves when a resize evicts the last waiter', async () => {
    const semaphore = new BoundedSemaphore(0)
    ask(semaphore, { weight: 2 })
    const drained = watchDrain(semaphore)
    semaphore.resize(1)
    await expectDone(drained, true)
  })

  test.each([0, 1, 5])('after a resize to %i still waits for what is in use', async (limit) => {
    const semaphore = new BoundedSemaphore(2)
    const permits = [take(semaphore), take(semaphore)]
    const drained = watchDrain(semaphore)
    semaphore.resize(limit)
    permits[0]?.release()
    await expectDone(drained, false)
    permits[1]?.release()
    await expectDone(drained, true)
  })

  test('resolves when the last waiter is one of weight 0', async () => {
    const semaphore = new BoundedSemaphore(1)
    const permit = take(semaphore)
    const nothing = ask(semaphore, { weight: 0 })
    const drained = watchDrain(semaphore)
    permit.release()
    await expectDone(drained, true)
    expect(nothing.outcome).toBe('permit')
  })

  test('keeps nobody out', async () => {
    const semaphore = new BoundedSemaphore(2)
    take(semaphore)
    void semaphore.drain()
    expect(semaphore.tryAcquire()).toBeDefined()
  })
})
