import { type VegasOptions, vegas } from '@lineclear/core'
import { describe, expect, test } from 'vitest'
import { sample } from './samples.ts'

/** Each sample is a window of its own. */
function windowed(options: VegasOptions = {}, start = 20): (...fields: Parameters<typeof sample>) => number {
  const algorithm = vegas({ window: 0, samples: 1, random: () => 1, ...options })
  algorithm.start(start)
  return (fields) => algorithm.update(sample({ inUse: 1000, ...fields }))
}

describe('vegas', () => {
  test('moves by how many queue, as the hold against the shortest one shows', () => {
    const window = windowed()
    expect(window({ hold: 10 })).toBe(20)
    // None queues: six more. 1.2, so 2: one more. 2.7, so 3, and 5.6, so 6: as it is. 13.5: one less.
    expect([10, 10.5, 11.1, 12.6, 20].map((hold) => window({ hold }))).toEqual([26, 27, 27, 27, 26])
  })

  test('moves in steps of the logarithm of the limit', () => {
    const window = windowed({}, 100)
    // 2 queue: twelve more. 4.4, so 5: two more. 11.9, so 12: as it is. 12.6, so 13: two less.
    expect([10, 10.2, 10.41, 11.16, 11.25].map((hold) => window({ hold }))).toEqual([100, 112, 114, 114, 112])
  })

  test('lowers the limit for a drop, whatever the hold', () => {
    const window = windowed()
    window({ hold: 10 })
    expect(window({ hold: 10, outcome: 'dropped' })).toBe(19)
  })

  test('changes nothing while less than half of the limit is in use', () => {
    const window = windowed()
    window({ hold: 10 })
    expect(window({ hold: 10, inUse: 9 })).toBe(20)
    expect(window({ hold: 10, inUse: 10 })).toBe(26)
  })

  test('adopts a shorter hold, and does not move then', () => {
    const window = windowed()
    window({ hold: 10 })
    expect(window({ hold: 5 })).toBe(20)
    expect(window({ hold: 10 })).toBe(19)
  })

  test('measures the hold without load anew after a number of windows that random varies', () => {
    // 2 windows at a jitter of 1, 1 at a jitter of a half.
    const [later, sooner] = [windowed({ probe: 0.1 }), windowed({ probe: 0.1, random: () => 0 })]
    for (const window of [later, sooner]) window({ hold: 10 })
    expect([30, 30].map((hold) => later({ hold }))).toEqual([20, 26])
    expect([30, 30].map((hold) => sooner({ hold }))).toEqual([20, 20])
  })

  test('stays between min and max, by default 1 and 1000', () => {
    const up = windowed()
    for (let i = 0; i < 200; i++) up({ hold: 10 })
    expect(up({ hold: 10 })).toBe(1000)
    const down = windowed()
    for (let i = 0; i < 200; i++) down({ outcome: 'dropped' })
    expect(down({ outcome: 'dropped' })).toBe(1)
  })

  test('does not take one lucky hold for the rule', () => {
    const algorithm = vegas()
    algorithm.start(20)
    for (let now = 0; now < 10_000; now += 10)
      algorithm.update(sample({ now, hold: now % 500 === 0 ? 1 : 20 }))
    expect(algorithm.update(sample({ now: 10_000, hold: 20 }))).toBeGreaterThan(20)
  })

  test('takes no bad options', () => {
    expect(() => vegas({ probe: -1 })).toThrow('probe must be a number of at least 0; received -1')
    expect(() => vegas({ random: 5 } as never)).toThrow('random must be a function; received 5')
    expect(() => vegas({ tolerance: 1 } as never)).toThrow('options has no option "tolerance"')
  })
})
