import { describe, expect, it } from 'vitest'
import { CAPACITY, overload, rush } from './overload.ts'

// 1, 2 and 3 are what it was made with; the other two were looked at afterwards.
const SEEDS = [1, 2, 3, 20011, 77003]

describe.each(SEEDS)('at twice the capacity, with clients that leave after 250 ms (seed %i)', (seed) => {
  it.each(['the default', 'lifo(1000)', 'probedLittle()'])(
    '%s answers 98 %% of capacity in time',
    async (name) => {
      const { goodput } = await overload(name, seed, 2, 250)
      expect(goodput).toBeGreaterThanOrEqual(0.98 * CAPACITY)
    },
  )

  it.each(['no limit', 'fifo(1000)'])('%s answers hardly anybody in time', async (name) => {
    const { goodput } = await overload(name, seed, 2, 250)
    expect(goodput).toBeLessThan(0.1 * CAPACITY)
  })

  it('is back to normal a second after it ends, by default', async () => {
    const { series } = await rush('the default', seed)
    const later = series.filter(({ at }) => at >= 31_000 && at < 34_000)
    const offered = later.reduce((sum, step) => sum + step.offered, 0)
    const refused = later.reduce((sum, step) => sum + step.refused + step.left, 0)
    expect(later).toHaveLength(3)
    expect(offered).toBeGreaterThan(1800)
    expect(refused).toBe(0)
  })
})

it.each([
  [10, 250],
  [10, 1000],
  [2, 10_000],
  [10, 10_000],
])(
  'the default answers 98 %% of capacity in time at %i times the capacity and a patience of %i ms',
  async (load, patience) => {
    const { goodput } = await overload('the default', 1, load, patience)
    expect(goodput).toBeGreaterThanOrEqual(0.98 * CAPACITY)
  },
)
