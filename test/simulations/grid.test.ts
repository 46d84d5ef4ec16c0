import { expect, it } from 'vitest'
import { falseRefusals, loads, regret, summary, type Trial, tryLoad } from './grid.ts'

// A sample of what `pnpm simulations` tries: 4 was looked at when the constants were chosen, 20011 was not.
it.each([4, 20011])(
  'the default misses little of the best queue on a sample of loads (seed %i)',
  async (seed) => {
    const trials: Trial[] = []
    for (const load of loads(40, seed)) trials.push(await tryLoad(load))
    const { mean, worst } = summary(trials.map((trial) => regret(trial, 'the default')))
    const refused = trials.map((trial) => falseRefusals(trial, 'the default'))
    expect(mean).toBeLessThanOrEqual(0.005)
    expect(worst).toBeLessThanOrEqual(0.08)
    expect(summary(refused.filter((share) => share !== undefined)).mean).toBeLessThanOrEqual(0.001)
    const others = ['fifo(100)', 'codel()', 'no queue'].map((name) =>
      summary(trials.map((trial) => regret(trial, name))),
    )
    for (const other of others) expect(other.mean).toBeGreaterThan(3 * mean)
  },
)
