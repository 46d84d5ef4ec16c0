import { expect, it } from 'vitest'
import { Explorer, type Loss, settingOf } from './explorer.ts'

const more = process.env.MORE === '1'
const seeds = more ? 60_000 : 2000

it(
  `keeps its promises in ${seeds} random histories`,
  () => {
    const sum = { syncs: 0, granted: 0, rejected: 0, lost: 0 }
    const losses = new Map<Loss, number>()
    for (let seed = 0; seed < seeds; seed++) {
      const { counts, setting } = new Explorer(seed).run()
      for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += counts[name]
      losses.set(setting.loss, (losses.get(setting.loss) ?? 0) + 1)
    }
    // Histories in which nothing happens would prove nothing.
    expect(sum.syncs).toBeGreaterThan(50 * seeds)
    expect(sum.granted).toBeGreaterThan(5 * seeds)
    expect(sum.rejected).toBeGreaterThan(seeds)
    expect(sum.lost).toBeGreaterThan(seeds / 10)
    for (const loss of ['none', 'restart', 'rollback'] as const) {
      expect(losses.get(loss)).toBeGreaterThan(seeds / 10)
    }
  },
  more ? 1_200_000 : 60_000,
)

it('makes the same history of the same seed', () => {
  expect(new Explorer(7).run().deeds).toEqual(new Explorer(7).run().deeds)
  expect(settingOf(7)).toEqual(settingOf(7))
})
