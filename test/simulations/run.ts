import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Result } from '@lineclear/simulator'
import { adaptiveTables } from './adaptive.ts'
import { falseRefusals, loads, candidates as queues, regret, summary, tryLoad } from './grid.ts'
import { CAPACITY, candidates, overload, rush } from './overload.ts'
import { writePlots } from './plots.ts'
import { retryStorm } from './retry-storm.ts'

// The numbers of the queues, the limits and Retry-After, on the real limiters and simulated time, as the
// Markdown of docs/simulations.md. Takes some minutes, most of them for the adaptive limits.

const { values } = parseArgs({
  options: { write: { type: 'boolean' }, 'without-adaptive': { type: 'boolean' } },
})
const SEEDS = [1, 2, 3, 20011, 77003]
const lines: string[] = []

function say(line: string): void {
  lines.push(line)
  console.log(line)
}

say('# What the simulations say')
say('')
say(
  'The numbers behind the defaults, on the real limiters and simulated time. Written by `pnpm simulations --write`; a',
)
say('sample of them is asserted in `test/simulations`. Of several seeds, the range is given.')

await overloads()
await rushes()
await grid()
await storms()
if (!values['without-adaptive']) {
  say('\n## Adaptive limits\n')
  say(
    'Twenty servers are a pool unless it says otherwise; work takes 20 ms on average, exponentially; clients wait',
  )
  say(
    '250 ms; the limit starts at 20, with `adaptiveLifo()` in front. What comes in the first 5 s is not counted.\n',
  )
  await adaptiveTables(say)
}
if (values.write) {
  writePlots('rush.json')
  writeFileSync(join(import.meta.dirname, '../../docs/simulations.md'), `${lines.join('\n')}\n`)
}

async function overloads(): Promise<void> {
  say('\n## Overload\n')
  say(
    'Twenty servers that take 20 ms on average, exponentially: 1000 requests a second. Sixty seconds of more than that,',
  )
  say(
    'from clients that leave after a while. Answered in time, in % of capacity; and the median of their time in ms.\n',
  )
  const cases = [
    [2, 250],
    [10, 250],
    [2, 1000],
    [10, 1000],
    [2, 10_000],
    [10, 10_000],
  ] as const
  say(`| | ${cases.map(([load, patience]) => `${load}x, ${patience / 1000} s`).join(' | ')} |`)
  say(`|---|${cases.map(() => '---|').join('')}`)
  for (const name of Object.keys(candidates)) {
    const cells: string[] = []
    for (const [load, patience] of cases) {
      const results: Result[] = []
      for (const seed of SEEDS) results.push(await overload(name, seed, load, patience))
      const share = range(
        results.map(({ goodput }) => (100 * goodput) / CAPACITY),
        1,
      )
      cells.push(`${share}; ${range(results.map(({ latency }) => latency.p50))}`)
    }
    say(`| ${name} | ${cells.join(' | ')} |`)
  }
}

async function rushes(): Promise<void> {
  say(
    '\nAfter thirty seconds of twice the capacity, .7 of it is offered. Refused or left in the second, third and fourth',
  )
  say('second after that, in %:\n')
  say('| | Refused or left |\n|---|---|')
  for (const name of Object.keys(candidates)) {
    const shares: number[] = []
    for (const seed of SEEDS) {
      const { series } = await rush(name, seed)
      const later = series.filter(({ at }) => at >= 31_000 && at < 34_000)
      const lost = later.reduce((sum, { refused, left }) => sum + refused + left, 0)
      shares.push((100 * lost) / later.reduce((sum, { offered }) => sum + offered, 0))
    }
    say(`| ${name} | ${range(shares, 1)} |`)
  }
}

async function grid(): Promise<void> {
  const count = 320
  say('\n## The default queue, over a grid of loads\n')
  say(
    `${count} loads for each seed, drawn from: 2, 20 or 200 permits; holds of 5 ms to 5 s, exponential, log-normal or bimodal;`,
  )
  say(
    '.5 to 10 times the capacity; patience of 250 ms to for ever, but at least the mean hold; steady, in bursts, in pages',
  )
  say(
    'of six, or with clients that come back twice after a refusal or having left. Regret is how much goodput is missing',
  )
  say(
    'to the best candidate for that load. False refusals are those at .7 of capacity or less, without bursts. In %.\n',
  )
  say('| | Seed | Regret: mean | p95 | worst | False refusals: mean | worst |\n|---|---|---|---|---|---|---|')
  for (const seed of [1, 2, 20011]) {
    const trials = []
    for (const load of loads(count, seed)) trials.push(await tryLoad(load))
    for (const name of Object.keys(queues)) {
      const missed = summary(trials.map((trial) => regret(trial, name)))
      const shares = trials.map((trial) => falseRefusals(trial, name)).filter((share) => share !== undefined)
      const refused = summary(shares)
      const cells = [missed.mean, missed.p95, missed.worst, refused.mean, refused.worst]
      say(`| ${name} | ${seed} | ${cells.map((cell) => (100 * cell).toFixed(2)).join(' | ')} |`)
    }
  }
}

async function storms(): Promise<void> {
  say('\n## Retry-After\n')
  say(
    '.7 of capacity, and three times the capacity for ten seconds. Refused clients come back when Retry-After says,',
  )
  say('up to seven times. The peak is the most attempts in a second after the rush, in capacities.\n')
  say('| | Peak | Attempts a client | Refused for good, % |\n|---|---|---|---|')
  for (const policy of ['calendar', 'one second'] as const) {
    const found = []
    for (const seed of SEEDS) found.push(await retryStorm(policy, seed))
    const peak = range(
      found.map(({ peak }) => peak),
      2,
    )
    const attempts = range(
      found.map(({ result }) => result.attempts / result.offered),
      2,
    )
    const failed = range(
      found.map(({ result }) => (100 * result.failed) / result.offered),
      1,
    )
    say(`| ${policy} | ${peak} | ${attempts} | ${failed} |`)
  }
}

function range(values: readonly number[], digits = 0): string {
  const [low, high] = [Math.min(...values).toFixed(digits), Math.max(...values).toFixed(digits)]
  return low === high ? low : `${low}-${high}`
}
