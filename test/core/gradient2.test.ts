import { type Gradient2Options, gradient2, type LimitAlgorithm } from '@lineclear/core'
import { describe, expect, test } from 'vitest'
import { thrownBy } from './helpers.ts'
import { sample } from './samples.ts'

/** Each sample is a window of its own. */
function windowed(options: Gradient2Options = {}, start = 100): (hold: number, inUse?: number) => number {
  const algorithm = gradient2({ window: 0, samples: 1, ...options })
  algorithm.start(start)
  return (hold, inUse = 1000) => algorithm.update(sample({ hold, inUse }))
}

describe('gradient2', () => {
  test('lowers the limit by how much longer than the long-term mean, tolerance aside, permits are held', () => {
    const hold = windowed()
    // The mean of all windows, here 10, 20, 40, 100, 400; the gradient is 1.5 times mean over hold, in
    // [.5, 1]: 1, 1, .75, .536, .5; the limit is .8 of itself and .2 of (gradient times itself, plus 4).
    expect([10, 30, 80, 280, 1600].map((ms) => hold(ms))).toEqual([100, 101, 97, 89, 80])
  })

  test('after ten windows averages exponentially', () => {
    const hold = windowed({ longWindow: 3, smoothing: 1, queue: 0.5, max: 100 })
    for (let i = 0; i < 10; i++) expect(hold(10)).toBe(100)
    // The mean goes half of the way to 50, to 30: 100 * 1.5 * 30 / 50 and the queue.
    expect(hold(50)).toBe(90)
  })

  test('bears a clock that saw no permit held at all', () => {
    const hold = windowed({ minHold: 0 })
    expect([0, 0, 0].map((ms) => hold(ms))).toEqual([100, 101, 102])
  })

  test('changes nothing while less than half of the limit is in use', () => {
    const hold = windowed()
    expect(hold(10, 49)).toBe(100)
    expect(hold(1000, 49)).toBe(100)
    expect(hold(100_000, 50)).toBeLessThan(100)
  })

  test('forgets an overload that is over: a mean of more than twice the hold shrinks by itself', () => {
    const hold = windowed({ max: 1000 })
    for (let i = 0; i < 10; i++) hold(100)
    // Without that the mean would still be 88 here.
    for (let i = 0; i < 40; i++) hold(10)
    const before = hold(10)
    expect(hold(40)).toBeLessThan(before)
  })

  test('stays between min and max, by default 20 and 200', () => {
    const up = windowed()
    for (let i = 0; i < 1000; i++) up(10)
    expect(up(10)).toBe(200)
    const down = windowed()
    for (let i = 1; i < 100; i++) down(2 ** Math.min(i, 50))
    expect(down(2 ** 51)).toBe(20)
    const low = windowed({ min: 3 })
    for (let i = 1; i < 100; i++) low(2 ** Math.min(i, 50))
    expect(low(2 ** 51)).toBeLessThan(10)
  })

  test('starts with the limit of the semaphore, also where that is below its default minimum', () => {
    expect(gradient2().start(50)).toBe(50)
    expect(gradient2().start(5)).toBe(5)
    expect(gradient2().start(500)).toBe(500)
    expect(gradient2().start(0)).toBe(1)
    expect(gradient2({ min: 10, max: 30 }).start(5)).toBe(10)
    expect(gradient2({ min: 10, max: 30 }).start(50)).toBe(30)
    expect(gradient2({ initial: 40 }).start(5)).toBe(40)
  })
})

describe('a window', () => {
  /** Each window adds exactly one to the limit while holds stay the same. */
  function counting(options: Gradient2Options = {}): LimitAlgorithm {
    const algorithm = gradient2({ smoothing: 1, queue: 1, max: 1000, ...options })
    algorithm.start(100)
    return algorithm
  }
  const give = (algorithm: LimitAlgorithm, times: number, fields: Parameters<typeof sample>[0]): number => {
    let limit = 0
    for (let i = 0; i < times; i++) limit = algorithm.update(sample({ inUse: 1000, ...fields }))
    return limit
  }

  test('lasts a second from its first sample, and then until it has ten', () => {
    const algorithm = counting()
    expect(give(algorithm, 50, { now: 500 })).toBe(100)
    expect(give(algorithm, 1, { now: 1499 })).toBe(100)
    expect(give(algorithm, 1, { now: 1500 })).toBe(101)
    expect(give(algorithm, 20, { now: 2499 })).toBe(101)
    expect(give(algorithm, 1, { now: 2500 })).toBe(102)
    expect(give(algorithm, 9, { now: 5000 })).toBe(102)
    expect(give(algorithm, 1, { now: 5000 })).toBe(103)
  })

  test('leaves out permits that were ignored, or held for less than 0.1 ms', () => {
    const algorithm = counting()
    give(algorithm, 9, { now: 0 })
    give(algorithm, 1, { now: 5000, outcome: 'ignored' })
    expect(give(algorithm, 1, { now: 5000, hold: 0.09 })).toBe(100)
    expect(give(algorithm, 1, { now: 5000, hold: 0.1 })).toBe(101)
  })

  test('shows the mean hold and the most that was in use', () => {
    const algorithm = counting({ samples: 2, window: 0 })
    give(algorithm, 2, { hold: 10 })
    // Mean 30, so the long-term mean is 20 and the gradient 1: had it taken 50, it were 30 / 50 * 1.5.
    give(algorithm, 1, { hold: 10, inUse: 200 })
    expect(give(algorithm, 1, { hold: 50, inUse: 1 })).toBe(102)
  })
})

test.each([
  ['min', 0],
  ['max', 1.5],
  ['initial', 0],
  ['window', -1],
  ['samples', 0],
  ['minHold', Number.NaN],
  ['tolerance', 0.9],
  ['smoothing', 0],
  ['smoothing', 1.1],
  ['queue', -1],
  ['longWindow', 0],
])('gradient2 takes no %s of %s', (option, value) => {
  const failure = thrownBy(() => gradient2({ [option]: value }))
  expect(failure).toBeInstanceOf(RangeError)
  expect(failure).toHaveProperty(
    'message',
    expect.stringMatching(new RegExp(`^${option} .*received ${value}`)),
  )
})

test('gradient2 takes no other options, and no max below min', () => {
  expect(() => gradient2({ maximum: 5 } as never)).toThrow('options has no option "maximum"')
  expect(() => gradient2({ min: 5, max: 4 })).toThrow('max must be at least the min of 5; received 4')
  expect(gradient2({ max: 4 }).start(20)).toBe(4)
  expect(gradient2({ min: 400 }).start(20)).toBe(400)
})
