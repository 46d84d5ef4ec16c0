import { adaptive, aimd, BoundedSemaphore } from '@lineclear/core'
import { type EventLoopDelayOptions, eventLoopDelay } from '@lineclear/core/event-loop-delay'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { flush, take, thrownBy } from './helpers.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** With a histogram that shows `shows` ns, and time that passes when told to. */
function faked(options: EventLoopDelayOptions = {}) {
  vi.useFakeTimers({ toFake: ['performance'] })
  const histogram = {
    shows: 0,
    count: 1,
    enable: vi.fn(),
    disable: vi.fn(),
    reset: vi.fn(),
    percentile: vi.fn(() => histogram.shows),
  }
  const monitorEventLoopDelay = vi.fn(() => histogram)
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue({ monitorEventLoopDelay } as never)
  return { histogram, monitorEventLoopDelay, signal: eventLoopDelay(options) }
}

describe('eventLoopDelay', () => {
  test('says overloaded while the delay, beyond the resolution, was above the threshold', () => {
    const { histogram, monitorEventLoopDelay, signal } = faked()
    expect(monitorEventLoopDelay).toHaveBeenCalledWith({ resolution: 10 })
    expect(histogram.enable).toHaveBeenCalledOnce()
    histogram.shows = 81e6
    vi.advanceTimersByTime(1000)
    expect([signal.overloaded, signal.delay]).toEqual([true, 71])
    histogram.shows = 80e6
    vi.advanceTimersByTime(1000)
    expect([signal.overloaded, signal.delay]).toEqual([false, 70])
    expect(histogram.percentile).toHaveBeenCalledWith(90)
  })

  test('reads the histogram once a window, and then starts it anew', () => {
    const { histogram, signal } = faked({ window: 200, percentile: 50, threshold: 5, resolution: 2 })
    histogram.shows = 9e6
    vi.advanceTimersByTime(199)
    expect(signal.overloaded).toBe(false)
    expect(histogram.percentile).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(signal.overloaded).toBe(true)
    histogram.shows = 0
    expect(signal.overloaded).toBe(true)
    expect(histogram.percentile.mock.calls).toEqual([[50]])
    expect(histogram.reset).toHaveBeenCalledOnce()
    vi.advanceTimersByTime(200)
    expect([signal.overloaded, signal.delay]).toEqual([false, 0])
  })

  test('goes on with what it knows until there is a measurement', () => {
    const { histogram, signal } = faked()
    histogram.shows = 500e6
    vi.advanceTimersByTime(1000)
    expect(signal.overloaded).toBe(true)
    Object.assign(histogram, { shows: 0, count: 0 })
    vi.advanceTimersByTime(5000)
    expect(signal.overloaded).toBe(true)
    histogram.count = 1
    expect(signal.overloaded).toBe(false)
  })

  test('closed, measures nothing and says that all is well', () => {
    const { histogram, signal } = faked()
    histogram.shows = 500e6
    vi.advanceTimersByTime(1000)
    expect(signal.overloaded).toBe(true)
    signal[Symbol.dispose]()
    vi.advanceTimersByTime(1000)
    expect(signal.overloaded).toBe(false)
    expect(histogram.disable).toHaveBeenCalledOnce()
  })

  test('lowers an adaptive limit', () => {
    const { histogram, signal } = faked()
    const limiter = adaptive(new BoundedSemaphore(20), aimd({ min: 1 }), { signal })
    histogram.shows = 500e6
    vi.advanceTimersByTime(1000)
    take(limiter).release()
    expect(limiter.limit).toBe(18)
  })

  test('notices a real event loop that was blocked', async () => {
    using signal = eventLoopDelay({ window: 150, percentile: 100, threshold: 50 })
    // Until the monitor has begun, it does not notice: block again.
    while (!signal.overloaded) {
      const until = performance.now() + 100
      while (performance.now() < until);
      await flush()
    }
    expect(signal.delay).toBeGreaterThan(50)
  })

  test('needs the monitor of node:perf_hooks', () => {
    const message = 'eventLoopDelay needs monitorEventLoopDelay of node:perf_hooks'
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue({} as never)
    expect(() => eventLoopDelay()).toThrow(message)
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never)
    expect(() => eventLoopDelay()).toThrow(message)
  })

  test.each([
    ['threshold', -1],
    ['percentile', 0],
    ['percentile', 101],
    ['window', -1],
    ['resolution', 0],
    ['resolution', 1.5],
  ])('takes no %s of %s', (option, value) => {
    const failure = thrownBy(() => eventLoopDelay({ [option]: value }))
    expect(failure).toBeInstanceOf(RangeError)
    expect(failure).toHaveProperty(
      'message',
      expect.stringMatching(new RegExp(`^${option} .*received ${value}`)),
    )
  })
})
