import { expect } from 'vitest'

/** What the tests were written with, and others that nothing was tuned on. */
export const SEEDS: readonly (readonly [kind: string, seeds: readonly number[]])[] = [
  ['fixed seeds', Array.from({ length: 16 }, (_, i) => 1 + i)],
  ['hold-out seeds', Array.from({ length: 16 }, (_, i) => 101 + i)],
]

// Student's t with 15 degrees of freedom, two-sided 99.9 %: the tests make dozens of comparisons.
const T = 4.07

/**
 * Expects the mean of a measurement over independent runs to be what theory says, within its confidence
 * interval; and that interval to be so narrow, relative to the theory, that a mistake would show.
 */
export async function expectTheory(
  theory: number,
  width: number,
  seeds: readonly number[],
  measure: (seed: number) => Promise<number>,
): Promise<void> {
  const measured: number[] = []
  for (const seed of seeds) measured.push(await measure(seed))
  const mean = measured.reduce((sum, value) => sum + value, 0) / measured.length
  const variance = measured.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (measured.length - 1)
  const half = T * Math.sqrt(variance / measured.length)
  expect(half).toBeLessThan(width * theory)
  expect(Math.abs(mean - theory)).toBeLessThan(half)
}
