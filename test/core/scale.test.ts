import { getEventListeners } from 'node:events'
import { BoundedSemaphore, byPriority, fair, fifo, lifo } from '@lineclear/core'
import { describe, expect, test, vi } from 'vitest'
import { type Asked, ask, askTimes, flush, take, VirtualClock } from './helpers.ts'

// Anything quadratic takes minutes here; the limit only has to tell that from a slow machine.
describe('with a very long queue', { timeout: 30_000 }, () => {
  const full = (options = {}): BoundedSemaphore => {
    const semaphore = new BoundedSemaphore(1, options)
    take(semaphore)
    return semaphore
  }

  const count = (waiters: readonly Asked[], outcome: unknown): number =>
    waiters.filter((waiter) => waiter.outcome === outcome).length

  // 48,271 shares no factor with 100,000, so this visits every place once, all over the queue.
  const allOver = (i: number): number => (i * 48_271) % 100_000
  const fromTheEnd = (i: number): number => 99_999 - i

  test.each([
    { kind: 'fifo', make: fifo, how: 'from the end', place: fromTheEnd },
    { kind: 'fifo', make: fifo, how: 'all over', place: allOver },
    { kind: 'lifo', make: lifo, how: 'all over', place: allOver },
    { kind: 'byPriority', make: byPriority, how: 'all over', place: allOver },
    { kind: 'fair', make: fair, how: 'all over', place: allOver },
  ])('100,000 waiters of a $kind abort, $how', async ({ make, place }) => {
    const semaphore = full({ queue: make() })
    const reason = new Error('left')
    const controllers = Array.from({ length: 100_000 }, () => new AbortController())
    // Each has a priority and a key of its own, for queues that look at them.
    const waiters = controllers.map(({ signal }, i) => {
      return ask(semaphore, { signal, priority: allOver(i), key: `${i}` })
    })
    expect(semaphore.waiting).toBe(100_000)
    for (let i = 0; i < 100_000; i++) controllers[place(i)]?.abort(reason)
    expect(semaphore.waiting).toBe(0)
    await flush()
    expect(count(waiters, reason)).toBe(100_000)
    semaphore.release()
    expect(semaphore.value).toBe(1)
  })

  test('50,000 waiters share one signal, with one listener and no warning', async () => {
    const warn = vi.fn()
    process.on('warning', warn)
    try {
      const semaphore = full()
      const controller = new AbortController()
      const waiters = askTimes(50_000, semaphore, { signal: controller.signal })
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
      controller.abort(new Error('all of you'))
      expect(semaphore.waiting).toBe(0)
      await flush()
      expect(count(waiters, controller.signal.reason)).toBe(50_000)
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
      expect(warn).not.toHaveBeenCalled()
    } finally {
      process.off('warning', warn)
    }
  })

  test('50,000 waiters of one signal are served, and the last takes the listener away', async () => {
    const semaphore = full()
    const { signal } = new AbortController()
    const waiters = askTimes(50_000, semaphore, { signal })
    semaphore.resize(50_001)
    await flush()
    expect(count(waiters, 'permit')).toBe(50_000)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('50,000 waiters time out', async () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock, timeout: 100 })
    const waiters = askTimes(50_000, semaphore)
    clock.advance(100)
    expect(semaphore.waiting).toBe(0)
    await flush()
    expect(count(waiters, 'timeout')).toBe(50_000)
  })

  test('100,000 waiters with the same time-out need one timer', async () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock, timeout: 100 })
    askTimes(100_000, semaphore)
    expect(clock.timersSet).toBe(1)
    semaphore.close()
    await flush()
    expect(clock.timersSet).toBe(1)
  })

  test.each([
    { kind: 'fifo', make: fifo },
    { kind: 'byPriority', make: byPriority },
    { kind: 'fair', make: fair },
  ])('100,000 waiters of a $kind go through one permit', async ({ make }) => {
    const semaphore = full({ queue: make() })
    let served = 0
    for (let i = 0; i < 100_000; i++) {
      void semaphore.acquire({ priority: allOver(i), key: `${i}` }).then((permit) => {
        served++
        permit.release()
      })
    }
    semaphore.release()
    await semaphore.drain()
    await flush()
    expect(served).toBe(100_000)
  })
})
