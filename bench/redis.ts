import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { interleave, type Results } from './interleave.ts'
import { type CandidateName, LEASE } from './redis/candidates.ts'
import { Crew, type CrewOptions, type Shift } from './redis/crew.ts'
import { Server } from './redis/server.ts'
import { aim, table, times } from './table.ts'

// One limit that all contenders share through one Redis, which runs on the same cores as they do.

type Metric = 'rate' | 'worst' | 'calls' | 'cpu' | 'least' | 'most'

interface Row extends Omit<CrewOptions, 'candidate' | 'port'> {
  /** How long they contend, in ms. Whoever waits at random needs time to be unlucky. */
  ms: number
}

const PEERS = ['redis-semaphore', 'bottleneck'] as const
const ALL: CandidateName[] = ['lineclear', ...PEERS]
const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? 1 : 3
const WARM_UP = 300

const rows: Row[] = [
  { limit: 10, processes: 1, contenders: 1, hold: 0, ms: 1500 },
  { limit: 10, processes: 1, contenders: 50, hold: 0, ms: 1500 },
  { limit: 10, processes: 1, contenders: 500, hold: 0, ms: 5000 },
  { limit: 10, processes: 1, contenders: 50, hold: 5, ms: 2000 },
  { limit: 10, processes: 1, contenders: 500, hold: 5, ms: 5000 },
  { limit: 10, processes: 4, contenders: 50, hold: 5, ms: 2000 },
  { limit: 100, processes: 4, contenders: 50, hold: 1, ms: 1500 },
]

const started = performance.now()
const server = await Server.start()
console.log(
  `Node ${process.version}, Redis ${server.version}, which shares ${availableParallelism()} cores with all processes. Medians of ${ROUNDS} round${QUICK ? '' : 's'}, in which the candidates take turns (and quartiles).`,
)
try {
  // A server that has just started makes whoever comes first wait for a lease.
  await sleep(LEASE + 1500)
  for (const row of rows) await contend(row)
  await handOver()
  await localFirst()
  await crash()
} finally {
  await server.stop()
}
console.log(`\nTook ${Math.round((performance.now() - started) / 1000)} s.`)

async function contend(row: Row): Promise<void> {
  const results = await measure(ALL, row, ROUNDS)
  const { limit, processes, contenders, hold } = row
  const who =
    processes === 1
      ? `${contenders} contender${contenders === 1 ? '' : 's'}`
      : `${processes} processes x ${contenders} contenders`
  show(`${who}, limit ${limit}, each holds its permit for ${hold} ms`, ALL, results)
  // Whichever of the two is faster is the one to beat.
  const [best] = PEERS.toSorted(
    (one, other) => results.value(other, 'rate').median - results.value(one, 'rate').median,
  )
  aim({
    what: `throughput by that of ${best}`,
    measured: results.ratio('lineclear', best as CandidateName, 'rate'),
    atLeast: 1,
  })
  if (processes * contenders > limit) {
    aim({ what: 'calls per acquire', measured: results.value('lineclear', 'calls'), atMost: 0.4 })
  }
  if (contenders === 500) {
    aim({
      what: "worst wait by redis-semaphore's",
      measured: results.ratio('lineclear', 'redis-semaphore', 'worst'),
      atMost: 0.1,
    })
  }
}

/** How long a permit lies idle between one process and the next. */
async function handOver(): Promise<void> {
  const crews = ALL.map((candidate) => {
    return { name: candidate, crew: crewOf(candidate, { limit: 1, processes: 4, contenders: 1, hold: 5 }) }
  })
  for (const { crew } of crews) await crew.work(WARM_UP)
  const contestants = crews.map(({ name, crew }) => ({
    name,
    measure: async () => gaps(await crew.work(QUICK ? 300 : 1500)),
  }))
  const results = await interleave(contestants, ROUNDS, 0)
  for (const { crew } of crews) crew.stop()
  table(
    'From a release to the next holder, in another process: 4 processes take turns, limit 1, 5 ms each; ms',
    ['', 'p50', 'p99', 'hand-overs'],
    ALL.map((name) => [
      name,
      ...(['p50', 'p99'] as const).map((metric) => times(results.value(name, metric))),
      results.value(name, 'count').median.toFixed(0),
    ]),
  )
  console.log()
  aim({ what: 'p50 in ms', measured: results.value('lineclear', 'p50'), atMost: 3 })
}

function gaps(shifts: Shift[]): { p50: number; p99: number; count: number } {
  const spans = shifts.flatMap(({ spans }, owner) => spans.map(([from, till]) => ({ owner, from, till })))
  spans.sort((one, other) => one.from - other.from)
  const waits: number[] = []
  for (const [index, { owner, from }] of spans.entries()) {
    const before = spans[index - 1]
    if (before !== undefined && before.owner !== owner) waits.push((from - before.till) / 1e6)
  }
  waits.sort((one, other) => one - other)
  const at = (part: number): number => waits[Math.floor(waits.length * part)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), count: waits.length }
}

/** A process that nobody contends with. */
async function localFirst(): Promise<void> {
  const both: CandidateName[] = ['lineclear', 'lineclear, local-first']
  for (const contenders of [1, 50]) {
    const row = { limit: 100, processes: 1, contenders, hold: 0, ms: 1000 }
    const results = await measure(both, row, ROUNDS)
    show(`${contenders} in one process alone, limit 100, 0 ms: nobody waits`, both, results)
    const measured = results.ratio('lineclear, local-first', 'lineclear', 'rate')
    if (contenders === 1) aim({ what: 'local-first by strict', measured, atLeast: 10 })
    else console.log(`  local-first by strict, where all share each request to Redis: ${times(measured)}`)
  }
}

/** Until all ten permits of a killed process are back. */
async function crash(): Promise<void> {
  const patience = 3 * LEASE
  const lines: string[][] = []
  for (const candidate of ALL) {
    const waits: number[] = []
    for (let round = 0; round < (QUICK || candidate === 'bottleneck' ? 1 : 2); round++) {
      const crew = crewOf(candidate, { limit: 10, processes: 2, contenders: 10, hold: 0 })
      waits.push(await crew.crash(patience))
      crew.stop()
    }
    const seconds = waits.map((ms) =>
      ms === Infinity ? `not in ${patience / 1000}` : (ms / 1000).toFixed(1),
    )
    lines.push([candidate, seconds.join(', ')])
  }
  const title = `kill -9 of the holder of all 10 permits, until another process has them all; lease ${LEASE / 1000} s; s`
  table(title, ['', 'each time'], lines)
}

/** Each of them in turn, in processes that stay. */
async function measure(names: CandidateName[], row: Row, rounds: number): Promise<Results<Metric>> {
  const crews = names.map((name) => ({ name, crew: crewOf(name, row) }))
  for (const { crew } of crews) await crew.work(WARM_UP)
  const ms = QUICK ? 300 : row.ms
  const contestants = crews.map(({ name, crew }) => ({
    name,
    measure: async () => {
      const before = await server.cpu()
      const shifts = await crew.work(ms)
      const after = await server.cpu()
      const grants = shifts.flatMap(({ grants }) => grants)
      const all = sum(grants)
      return {
        rate: (1000 * all) / ms,
        worst: Math.max(...shifts.map(({ worst }) => worst)),
        calls: sum(shifts.map(({ calls }) => calls)) / all,
        cpu: (after - before) / all,
        least: Math.min(...grants),
        most: Math.max(...grants),
      }
    },
  }))
  const results = await interleave(contestants, rounds, 0)
  for (const { crew } of crews) crew.stop()
  return results
}

function show(title: string, names: CandidateName[], results: Results<Metric>): void {
  const value = (name: CandidateName, metric: Metric, digits = 0): string =>
    results.value(name, metric).median.toFixed(digits)
  const head = ['', 'acquires/s', 'worst wait ms', 'calls each', "server's µs each", 'grants a contender']
  const lines = names.map((name) => [
    name,
    value(name, 'rate'),
    value(name, 'worst'),
    value(name, 'calls', 3),
    value(name, 'cpu', 1),
    `${value(name, 'least')}-${value(name, 'most')}`,
  ])
  table(title, head, lines)
  console.log()
}

function crewOf(candidate: CandidateName, options: Omit<CrewOptions, 'candidate' | 'port'>): Crew {
  return new Crew({ ...options, candidate, port: server.port })
}

function sum(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
