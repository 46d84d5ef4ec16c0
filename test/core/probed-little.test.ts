import { type LimitAlgorithm, type ProbedLittleOptions, probedLittle, type Sample } from '@lineclear/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { thrownBy } from './helpers.ts'
import { Feed, sample } from './samples.ts'

// With a limit of 4 the windows are short: 4 completions, after one that opens the first. A probe lets
// in-flight drain to 2, lets 4 settle, measures 2, and then 8 are left out.
const SHORT: ProbedLittleOptions = { samples: 4, probeSamples: 2 }

/** At the end of its first window, so that it probes: the limit is 2. */
function probing(hold = 100, options: ProbedLittleOptions = {}): Feed {
  const feed = new Feed(probedLittle({ ...SHORT, ...options }), 4)
  feed.releases(5, hold)
  return feed
}

/** After its first probe, with the limit back, when all counts again. */
function probed(hold: number, holdAtHalf: number, options: ProbedLittleOptions = {}): Feed {
  const feed = probing(hold, options)
  feed.releases(1 + 4 + 2, holdAtHalf)
  feed.releases(2 * feed.limit, hold)
  return feed
}

describe('a probe of probedLittle', () => {
  test('halves the limit after the first window that binds', () => {
    const feed = new Feed(probedLittle(SHORT), 4)
    expect(feed.releases(5, 100)).toEqual([4, 4, 4, 4, 2])
  })

  test('waits until in flight fits the half, lets as many as the limit settle, measures, and restores', () => {
    const feed = probing()
    // The last of these leaves 2.
    expect(feed.releases(1, 100, { inUse: 4 })).toEqual([2])
    expect(feed.releases(1, 100, { inUse: 3 })).toEqual([2])
    expect(feed.releases(4, 100)).toEqual([2, 2, 2, 2])
    expect(feed.releases(2, 100)).toEqual([2, 4])
  })

  test('does not wait for those who stay: after as many as the limit it goes on', () => {
    const feed = probing()
    expect(feed.releases(4, 100, { inUse: 4 })).toEqual([2, 2, 2, 2])
    expect(feed.releases(4 + 2, 100)).toEqual([2, 2, 2, 2, 2, 4])
  })

  test('measures only what it settled for', () => {
    const feed = probing(100)
    feed.releases(1 + 4, 1)
    // Had it counted those of 1 ms, half the limit would seem to take much less: too high.
    feed.releases(2, 100)
    expect(feed.limit).toBe(4)
  })

  test('leaves out twice the limit afterwards, while what it did wears off', () => {
    const feed = probing(100)
    feed.releases(1 + 4 + 2, 100)
    feed.releases(8, 1_000_000)
    expect(feed.releases(4, 100)).toEqual([4, 4, 4, 5])
  })

  test('comes again after a number of windows, and not before', () => {
    const feed = probed(100, 60, { probeEvery: 3 })
    expect(feed.releases(4 * 3, 100)).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 2])
  })

  test('comes early when what permits take has grown and stays so', () => {
    const feed = probed(100, 60)
    const limits: number[] = []
    for (let window = 1; window <= 6; window++) {
      const full = Math.max(4, feed.limit)
      limits.push(...feed.releases(full, 200).slice(-1))
    }
    // Four windows that lower the limit, and in the fifth a probe at half of it: 4 would be next.
    expect(limits.slice(0, 4).every((limit, i) => limit <= (limits[i - 1] ?? 4))).toBe(true)
    expect(limits[4]).toBe(Math.ceil((limits[3] as number) / 2))
  })
})

describe('probedLittle', () => {
  test('makes nothing of permits that are given back as they are taken, as by an all that is refused', () => {
    const feed = new Feed(probedLittle(SHORT), 4)
    feed.releases(1000, 0.05, { outcome: 'ignored' })
    expect(feed.releases(5, 100)).toEqual([4, 4, 4, 4, 2])
    expect(feed.releases(1000, 0.05, { outcome: 'ignored' })).toEqual(Array(1000).fill(2))
  })

  test('raises the limit where half of it takes as long: by the quarter power of the tolerance', () => {
    const feed = probed(100, 100)
    expect(feed.limit).toBe(4)
    feed.releases(4, 100)
    expect(feed.limit).toBe(Math.round(4 * 1.65 ** 0.25))
  })

  test('lowers it at once to .6 where half of it takes half the time, and probes again', () => {
    const feed = new Feed(probedLittle(SHORT), 20)
    feed.releases(1 + 20, 100)
    expect(feed.releases(1 + 20 + 10, 50).at(-1)).toBe(20 * 0.6)
    feed.releases(2 * 20, 100)
    expect(feed.releases(12, 100).at(-1)).toBe(12 / 2)
  })

  test('leaves it where the tolerance is just met', () => {
    const feed = probed(165, 100)
    for (let window = 0; window < 20; window++) expect(feed.releases(4, 165).at(-1)).toBe(4)
  })

  test('lowers it by a window in which permits took longer, by at most e to the .7 * .25', () => {
    const start = 1000
    const feed = new Feed(probedLittle({ probeSamples: 500 }), start)
    feed.releases(1 + start, 165)
    feed.releases(1 + start + 500, 100)
    feed.releases(2 * start, 165)
    feed.releases(start, 200)
    expect(feed.limit).toBe(Math.round(start * (165 / 200) ** 0.25))
    const before = feed.limit
    feed.releases(before + 1, 1e9)
    expect(feed.limit).toBeCloseTo(before * Math.exp(-0.7 * 0.25), -1)
  })

  test('never moves a limit that does not bind', () => {
    for (const outcome of ['success', 'dropped', 'ignored'] as const) {
      const feed = new Feed(probedLittle(SHORT), 4)
      for (const hold of [100, 1, 10_000, 100]) {
        const limits = feed.releases(1000, hold, { inUse: 3, outcome })
        expect(new Set(limits)).toEqual(new Set([4]))
      }
    }
  })

  test('takes a limit to bind that others wait for, or that is in use, half of the time', () => {
    const first = (fields: Partial<Sample>): number => {
      const feed = new Feed(probedLittle(SHORT), 4)
      feed.releases(3, 100, { inUse: 1 })
      return feed.releases(2, 100, fields).at(-1) as number
    }
    expect(first({ inUse: 3 })).toBe(4)
    expect(first({ inUse: 4 })).toBe(2)
    expect(first({ inUse: 1, waiting: 1 })).toBe(2)
  })

  // A little above the tolerance, so that the limit never is a hair more than 100, which takes 101.
  const LONG = 165.01

  /** At a limit of 100, where a permit takes 100 ms at half of it, in the window before its second probe. */
  function beforeSecondProbe(): Feed {
    const feed = new Feed(probedLittle({ probeEvery: 8 }), 100)
    feed.releases(1 + 100, LONG)
    feed.releases(1 + 100 + 50, 100)
    feed.releases(2 * 100 + 7 * 100, LONG)
    return feed
  }

  /** The second probe, at half of the limit, and what is left out after it. */
  function secondProbe(holdAtHalf: number): Feed {
    const feed = beforeSecondProbe()
    expect(feed.releases(100, LONG).at(-1)).toBe(50)
    feed.releases(1 + 100 + 50, holdAtHalf)
    feed.releases(2 * 100, LONG)
    return feed
  }

  test('moves its base three tenths of the way to what a later probe finds', () => {
    const feed = secondProbe(110)
    expect(feed.limit).toBe(100)
    feed.releases(100, LONG * 1.1 ** 0.3)
    expect(feed.limit).toBe(100)
  })

  test('moves it six tenths where that is far off, and probes again three windows later', () => {
    const feed = secondProbe(200)
    for (const probes of [false, false, true]) {
      expect(feed.releases(100, LONG * 2 ** 0.6).at(-1)).toBe(probes ? 50 : 100)
    }
  })

  test('moves it three tenths of the way to what a permit takes while hardly any are in use', () => {
    const feed = secondProbe(100)
    feed.releases(100, 50, { inUse: 49 })
    feed.releases(100, 10, { inUse: 51 })
    feed.releases(100, LONG * 0.5 ** 0.3)
    expect(feed.limit).toBe(100)
  })

  test('lowers the limit to .7 where a later probe finds it too high, and probes again four windows later', () => {
    const feed = secondProbe(80)
    expect(feed.limit).toBe(70)
    for (const probes of [false, false, false, true]) {
      const limit = feed.limit
      expect(feed.releases(100, LONG * 0.8 ** 0.3).at(-1)).toBe(probes ? 35 : limit)
    }
  })

  test('is not surprised again before the fourth window after a probe', () => {
    const feed = secondProbe(100)
    const limits = [1, 2, 3, 4, 5].map(() => feed.releases(100, 400).at(-1) as number)
    expect(limits.slice(0, 4)).toEqual([84, 70, 59, 50].map((limit) => expect.closeTo(limit, -0.5)))
    expect(limits[4]).toBe(Math.ceil((limits[3] as number) / 2))
  })

  test.each([
    ['does not bind', { inUse: 1 }, 2],
    ['is dropped', { outcome: 'dropped' }, 4],
  ] as const)('learns nothing from a probe that %s, and probes again', (_, fields, measured) => {
    const feed = probing()
    feed.releases(1 + 4 + measured, 50, fields)
    expect(feed.limit).toBe(4)
    feed.releases(8, 100)
    expect(feed.releases(4, 100)).toEqual([4, 4, 4, 2])
  })

  test('takes no lucky window for a new base, but two', () => {
    const lucky = (windows: number): number => {
      const feed = probed(100, 60, { max: 4, min: 4 })
      feed.releases(4 * windows, 30)
      // Against 60, 100 is what it should be; against 30 it is too long, and that soon probes.
      return feed.releases(4 * 6, 100).indexOf(2)
    }
    expect(lucky(1)).toBe(-1)
    expect(lucky(2)).toBeGreaterThan(-1)
  })

  test.each(['dropped', 'ignored'] as const)(
    'counts the time of who is %s, but no completion: a limit at which half are takes twice as long',
    (outcome) => {
      const start = 100
      const half = new Feed(probedLittle(), start)
      half.releases(1 + start, 165)
      half.releases(1 + start + 50, 100)
      half.releases(2 * start, 165)
      for (let i = 0; i < start; i++) {
        half.releases(1, 165)
        half.releases(1, 165, { outcome })
      }
      expect(half.limit).toBe(Math.round(start * 0.5 ** 0.25))
    },
  )

  test.each([
    ['half is dropped', 'dropped', 2],
    ['hardly one in ten completes', 'ignored', 11],
  ] as const)('lowers the limit for as long as %s, and learns nothing from it', (_, outcome, oneIn) => {
    const start = 100
    const feed = new Feed(probedLittle(), start)
    feed.releases(1 + start, 165)
    feed.releases(1 + start + 50, 100)
    feed.releases(2 * start, 165)
    let limit = start
    for (let window = 0; window < 30; window++) {
      // The fewest releases with which a window is over: 100 completions, or 200 in all.
      for (let i = 1; i <= 200; i++) {
        feed.releases(1, 165, { outcome: i % oneIn === 0 ? 'success' : outcome })
      }
      limit = Math.max(2, limit * Math.exp(-0.7 * 0.25))
      expect(feed.limit).toBe(Math.round(limit))
    }
    expect(feed.limit).toBe(2)
    feed.releases(100, 100)
    expect(feed.limit).toBe(Math.round(2 * 1.65 ** 0.25))
  })

  test('learns nothing from permits of no weight, or while the clock stands still', () => {
    const feed = new Feed(probedLittle(SHORT), 4)
    expect(new Set(feed.releases(1000, 0))).toEqual(new Set([4]))
    expect(new Set(feed.releases(1000, 100, { weight: 0 }))).toEqual(new Set([4]))
  })

  test('counts a permit of weight two as two in the time it takes', () => {
    const algorithm = probedLittle(SHORT)
    let limit = algorithm.start(4)
    let [now, area] = [0, 0]
    const give = (times: number, hold: number, weight: number): void => {
      for (let i = 0; i < times; i++) {
        now += (hold * weight) / limit
        area += hold * weight
        limit = algorithm.update(sample({ now, area, weight, limit, inUse: limit, hold }))
      }
    }
    give(5, 100, 1)
    give(1 + 4 + 2, 100, 1)
    give(8, 100, 2)
    give(4, 165, 2)
    // As long as the tolerance allows: not twice that.
    expect(limit).toBe(4)
  })

  test('says a whole number from 1 to max, whatever it is told', () => {
    const outcome = fc.constantFrom('success', 'dropped', 'ignored')
    const step = fc.record({
      hold: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e6, noNaN: true })),
      inUse: fc.integer({ min: 1, max: 100 }),
      waiting: fc.integer({ min: 0, max: 2 }),
      weight: fc.integer({ min: 0, max: 3 }),
      times: fc.integer({ min: 1, max: 60 }),
      outcome,
    })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.array(step, { maxLength: 60 }), (start, steps) => {
        const feed = new Feed(probedLittle({ ...SHORT, max: 50 }), start)
        for (const { times, hold, ...fields } of steps) {
          for (const limit of feed.releases(times, hold, fields as Partial<Sample>)) {
            expect(Number.isInteger(limit) && limit >= 1 && limit <= 50).toBe(true)
          }
        }
      }),
    )
  })

  test('starts with the limit of the semaphore, between min and max', () => {
    const start = (options: ProbedLittleOptions, limit: number): number => {
      const algorithm: LimitAlgorithm = probedLittle(options)
      return algorithm.start(limit)
    }
    expect(start({}, 20)).toBe(20)
    expect(start({}, 1)).toBe(1)
    expect(start({ min: 2 }, 1)).toBe(2)
    expect(start({ max: 10 }, 20)).toBe(10)
    expect(start({ initial: 7 }, 20)).toBe(7)
  })
})

test.each([
  ['min', 0],
  ['max', 0],
  ['initial', 0.5],
  ['samples', 0],
  ['probeSamples', 0],
  ['probeEvery', 0],
  ['tolerance', 0.99],
  ['tolerance', 2.01],
  ['gain', 0],
  ['gain', Number.NaN],
])('probedLittle takes no %s of %s', (option, value) => {
  const failure = thrownBy(() => probedLittle({ [option]: value }))
  expect(failure).toBeInstanceOf(RangeError)
  expect(failure).toHaveProperty(
    'message',
    expect.stringMatching(new RegExp(`^${option} .*received ${value}`)),
  )
})

test('probedLittle takes no other options', () => {
  expect(() => probedLittle({ threshold: 1.65 } as never)).toThrow('options has no option "threshold"')
})
