import { type Result, refusedIn } from '../result.ts'
import { simulate } from '../simulate.ts'
import type { NamedLimiter } from './candidates.ts'
import type { ScenarioFile } from './scenario-file.ts'
import { figure, percent, table } from './table.ts'

/** What became of a candidate. */
export interface Outcome {
  readonly name: string
  readonly result: Result
}

/** Every candidate in turn, against the same load. */
export async function compare({ scenario, candidates }: ScenarioFile): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const { name, makeLimiter } of candidates as readonly NamedLimiter[]) {
    outcomes.push({ name, result: await simulate(scenario, makeLimiter) })
  }
  return outcomes
}

export const COLUMNS: readonly (readonly [head: string, cell: (result: Result) => string])[] = [
  ['goodput/s', ({ goodput }) => figure(Math.round(goodput * 10) / 10)],
  ['in time', ({ succeeded, offered }) => percent(succeeded, offered)],
  ['refused', (result) => percent(refusedIn(result), result.attempts)],
  ['gave up', ({ gaveUp, offered }) => percent(gaveUp, offered)],
  ['waited', ({ waited, attempts }) => percent(waited, attempts)],
  ['p50 ms', ({ latency }) => figure(latency.p50)],
  ['p99 ms', ({ latency }) => figure(latency.p99)],
  ['wait p50', ({ wait }) => figure(wait.p50)],
  ['wait p99', ({ wait }) => figure(wait.p99)],
  ['in use', ({ inUse }) => figure(inUse)],
  ['waiting', ({ waiting }) => figure(waiting)],
]

/** The load in one line, and a line for each candidate. */
export function comparison(name: string | undefined, outcomes: readonly Outcome[]): string {
  const [first] = outcomes
  if (first === undefined) return ''
  const { offered, window, seed } = first.result
  const load = `${offered} requests in ${figure(window / 1000)} s, ${figure((offered * 1000) / window)} a second; seed ${seed}`
  const rows = outcomes.map(({ name, result }) => [name, ...COLUMNS.map(([, cell]) => cell(result))])
  const retries = outcomes.some(({ result }) => result.attempts > result.offered)
  return [
    ...(name === undefined ? [] : [name]),
    load,
    '',
    table(['', ...COLUMNS.map(([head]) => head)], rows),
    ...(retries
      ? ['', 'Refused and waited are of all attempts; the rest is of requests, which may take several.']
      : []),
  ].join('\n')
}
