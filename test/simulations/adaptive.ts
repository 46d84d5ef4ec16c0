import { aimd, gradient2, type LimitAlgorithm, probedLittle, vegas } from '@lineclear/core'
import { calm, changes, hour, limits, overload, refused, runAdaptive, share } from './adaptive-scenarios.ts'

const SEEDS = [1, 2, 3]
const HOLD_OUT = [101, 102, 103, 104, 105]
const algorithms: Record<string, () => LimitAlgorithm> = {
  probedLittle: () => probedLittle(),
  gradient2: () => gradient2({ max: 1000 }),
  vegas: () => vegas({ random: () => 0.5 }),
  'aimd, 100 ms': () => aimd({ timeout: 100, min: 2, max: 1000 }),
}

/** Prints the numbers of the adaptive limits as Markdown. */
export async function adaptiveTables(say: (line: string) => void): Promise<void> {
  async function table<T extends { readonly name: string }>(
    title: string,
    scenarios: readonly T[],
    target: (scenario: T) => string,
    worst: (...values: number[]) => number,
    measure: (scenario: T, algorithm: LimitAlgorithm, seed: number) => Promise<number>,
  ): Promise<void> {
    say(`\n| ${title} | Target | probedLittle, seeds 1-3 | 101-105 | ${others().join(' | ')} |`)
    say(
      `|---|---|---|---|${others()
        .map(() => '---|')
        .join('')}`,
    )
    for (const scenario of scenarios) {
      const cells: string[] = []
      const cell = async (name: string, seeds: readonly number[]): Promise<void> => {
        const values: number[] = []
        for (const seed of seeds) {
          const algorithm = algorithms[name] as () => LimitAlgorithm
          values.push(await measure(scenario, algorithm(), seed))
        }
        const mean = values.reduce((total, value) => total + value, 0) / values.length
        cells.push(`${mean.toFixed(1)} (${worst(...values).toFixed(1)})`)
      }
      await cell('probedLittle', SEEDS)
      await cell('probedLittle', HOLD_OUT)
      for (const name of others()) await cell(name, SEEDS)
      say(`| ${scenario.name} | ${target(scenario)} | ${cells.join(' | ')} |`)
    }
  }

  say('Mean, and in parentheses the worst, of the seeds.')
  const least = ({ target }: { target: number }): string => `>= ${target}`
  await table('Goodput at 2x, % of the best fixed limit', overload, least, Math.min, share)
  await table('The same, 10 s after a change', changes, least, Math.min, share)
  await table('Refused at 70 % load, %', calm, (scenario) => `<= ${scenario.refused}`, Math.max, refused)

  say(
    '\n| An hour at 1.2x, 20 servers | Seed | Lowest limit | Highest | At the end | Goodput/s in the last 10 min |',
  )
  say('|---|---|---|---|---|---|')
  for (const name of ['probedLittle', 'gradient2', 'gradient2, max 200']) {
    for (const seed of name === 'probedLittle' ? [...SEEDS, HOLD_OUT[0] as number] : SEEDS.slice(0, 1)) {
      const algorithm = algorithms[name]?.() ?? gradient2()
      const result = await runAdaptive(hour, algorithm, seed)
      const found = limits(result)
      const [low, high] = [Math.min(...found), Math.max(...found)]
      say(`| ${name} | ${seed} | ${low} | ${high} | ${found.at(-1)} | ${result.goodput.toFixed(0)} |`)
    }
  }
}

function others(): string[] {
  return Object.keys(algorithms).slice(1)
}
