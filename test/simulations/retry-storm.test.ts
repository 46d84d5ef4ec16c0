import { expect, it } from 'vitest'
import { retryStorm } from './retry-storm.ts'

it.each([1, 2, 3, 20011])(
  'clients that come back when Retry-After says make no second rush (seed %i)',
  async (seed) => {
    const { result, peak } = await retryStorm('calendar', seed)
    expect(peak).toBeLessThanOrEqual(2)
    expect([result.failed, result.gaveUp, result.unfinished]).toEqual([0, 0, 0])
    expect(result.attempts / result.offered).toBeLessThan(1.3)
  },
)

it('clients that are all told to come back in a second do', async () => {
  const { result, peak } = await retryStorm('one second', 1)
  expect(peak).toBeGreaterThan(10)
  expect(result.failed).toBeGreaterThan(1000)
})
