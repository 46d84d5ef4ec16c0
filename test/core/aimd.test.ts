import { type AimdOptions, aimd, type LimitAlgorithm } from '@lineclear/core'
import { describe, expect, test } from 'vitest'
import { sample } from './samples.ts'

function started(options: AimdOptions = {}, start = 20): LimitAlgorithm {
  const algorithm = aimd({ min: 1, ...options })
  algorithm.start(start)
  return algorithm
}

describe('aimd', () => {
  test('adds one for each success while at least half of the limit is in use', () => {
    const algorithm = started()
    expect(algorithm.update(sample({ inUse: 10 }))).toBe(21)
    expect(algorithm.update(sample({ inUse: 10 }))).toBe(21)
    expect(algorithm.update(sample({ inUse: 11 }))).toBe(22)
  })

  test('takes a tenth away for a drop, rounded down', () => {
    const algorithm = started()
    const dropped = sample({ outcome: 'dropped', inUse: 1 })
    expect([1, 2, 3].map(() => algorithm.update(dropped))).toEqual([18, 16, 14])
  })

  test('counts a permit held for longer than the time-out as dropped', () => {
    const algorithm = started()
    expect(algorithm.update(sample({ hold: 5000 }))).toBe(21)
    expect(algorithm.update(sample({ hold: 5001 }))).toBe(18)
    expect(started({ timeout: 250 }).update(sample({ hold: 251 }))).toBe(18)
  })

  test('learns nothing from an ignored one, however long it was held', () => {
    const algorithm = started()
    expect(algorithm.update(sample({ outcome: 'ignored' }))).toBe(20)
    expect(algorithm.update(sample({ outcome: 'ignored', hold: 10_000 }))).toBe(20)
  })

  test('stays between min and max, by default 20 and 200', () => {
    const algorithm = aimd()
    algorithm.start(20)
    for (let i = 0; i < 300; i++) algorithm.update(sample({ inUse: 1000 }))
    expect(algorithm.update(sample({ inUse: 1000 }))).toBe(200)
    for (let i = 0; i < 300; i++) algorithm.update(sample({ outcome: 'dropped' }))
    expect(algorithm.update(sample({ outcome: 'dropped' }))).toBe(20)
  })

  test('takes no bad options', () => {
    expect(() => aimd({ backoff: 0.4 })).toThrow('backoff must be a number from 0.5 to 1; received 0.4')
    expect(() => aimd({ timeout: -1 })).toThrow('timeout must be 0 ms or more; received -1')
    expect(() => aimd({ window: 1 } as never)).toThrow('options has no option "window"')
  })
})
