import { adaptive, adaptiveLifo, BoundedSemaphore, type LimitAlgorithm } from '@lineclear/core'
import { type Backend, pool, sharing, usl } from './backends.ts'
import { exponential, type Result, type Simulation, simulate, sum } from './simulate.ts'

export interface Scenario {
  readonly name: string
  readonly backend: () => Backend
  /** Requests a second. */
  readonly rate: number | ((second: number) => number)
  readonly seconds: number
  /** The seconds that count, from and to. */
  readonly counts: readonly [from: number, to: number]
  /** The limits to compare with: the best of them for each seed. */
  readonly fixed: readonly number[]
  readonly streams?: number
  /** How many times slower all is: the services, the requests and the clients' patience. Default 1. */
  readonly slowdown?: number
  readonly events?: Simulation['events']
  /** The least share of the best fixed limit's goodput, percent. */
  readonly target: number
}

const slower: Simulation['events'] = [
  [20, (backend, now) => backend.speed(0.5, now)],
  [40, (backend, now) => backend.speed(1, now)],
]
const fewer: Simulation['events'] = [
  [20, (backend, now) => backend.servers(0.5, now)],
  [40, (backend, now) => backend.servers(1, now)],
]
const pool20 = { backend: () => pool(20), rate: 2000, fixed: [20, 22, 25, 30] }
const sharing20 = { backend: () => sharing(20), rate: 2000, fixed: [20, 22, 25, 30] }
// 510 a second at best, at 30 to 40.
const usl30 = { backend: () => usl(0.05, 0.0005), rate: 1020, fixed: [26, 28, 30, 32, 34, 36, 40] }
// 270 a second at best, at 13; half of that at 60.
const steep = { backend: () => usl(0.05, 0.005), rate: 540, fixed: [11, 12, 13, 14, 15, 16] }
const long = { seconds: 65, counts: [5, 65] } as const
const lowered = { seconds: 35, counts: [30, 35], target: 85 } as const
const restored = { seconds: 55, counts: [50, 55], target: 85 } as const

/** Twice the load that there is capacity for. */
export const overload: readonly Scenario[] = [
  { name: '20 servers', ...pool20, ...long, target: 98 },
  {
    name: '200 servers',
    backend: () => pool(200),
    rate: 20_000,
    fixed: [200, 210, 225],
    ...long,
    target: 98,
  },
  { name: '20 shared processors', ...sharing20, ...long, target: 96 },
  { name: 'USL (.05, .0005)', ...usl30, ...long, target: 92 },
  { name: 'steep USL (.05, .005)', ...steep, ...long, target: 92 },
  {
    name: '2 servers, after a minute',
    backend: () => pool(2),
    rate: 200,
    fixed: [2, 3, 4],
    ...{ seconds: 240, counts: [60, 240] },
    target: 85,
  },
  {
    name: '20 servers, 0.1 % streams of 30 s',
    ...pool20,
    fixed: [60, 70, 80, 100],
    ...{ seconds: 120, counts: [60, 120] },
    streams: 0.001,
    target: 93,
  },
]

/** Half of the capacity goes at 20 s and is back at 40 s; what counts begins 10 s later. */
export const changes: readonly Scenario[] = [
  { name: '20 servers become 10', ...pool20, fixed: [10, 12, 15, 20], events: fewer, ...lowered },
  { name: '10 servers become 20', ...pool20, events: fewer, ...restored },
  { name: '20 servers, slower', ...pool20, events: slower, ...lowered },
  { name: '20 servers, as fast again', ...pool20, events: slower, ...restored },
  { name: '20 processors become 10', ...sharing20, fixed: [10, 12, 15, 20], events: fewer, ...lowered },
  { name: '10 processors become 20', ...sharing20, events: fewer, ...restored },
  { name: 'USL, slower', ...usl30, events: slower, ...lowered, target: 80 },
  { name: 'USL, as fast again', ...usl30, events: slower, ...restored, target: 80 },
]

/** 70 % load after 20 s of overload: refused should be, in percent of what came from 30 s on, at most. */
export const calm: readonly (Scenario & { readonly refused: number })[] = [
  { name: '20 servers', ...pool20, load: 700, refused: 0.5 },
  { name: '20 shared processors', ...sharing20, load: 700, refused: 0.5 },
  { name: 'USL', ...usl30, load: 360, refused: 0.5 },
  { name: 'steep USL', ...steep, load: 190, refused: 2 },
].map(({ load, rate, ...scenario }) => ({
  ...scenario,
  rate: (second) => (second < 20 ? rate : load),
  seconds: 90,
  counts: [30, 90],
  target: 0,
}))

/** An hour at 1.2 times the capacity. */
export const hour: Scenario = {
  ...{ name: 'an hour', ...pool20, rate: 1200, seconds: 3600, counts: [3000, 3600], target: 98 },
}

const best = new Map<string, number>()

/** The goodput that counts, in percent of that of the best fixed limit on the same seed. */
export async function share(scenario: Scenario, algorithm: LimitAlgorithm, seed: number): Promise<number> {
  const key = `${scenario.name} ${seed}`
  if (!best.has(key)) {
    const goodputs: number[] = []
    for (const limit of scenario.fixed)
      goodputs.push(goodput(scenario, await runFixed(scenario, limit, seed)))
    best.set(key, Math.max(...goodputs))
  }
  const result = await runAdaptive(scenario, algorithm, seed)
  return (100 * goodput(scenario, result)) / (best.get(key) as number)
}

/** What is refused of what counts, percent. */
export async function refused(scenario: Scenario, algorithm: LimitAlgorithm, seed: number): Promise<number> {
  const result = await runAdaptive(scenario, algorithm, seed)
  return (100 * sum(result.refused, ...scenario.counts)) / sum(result.offered, ...scenario.counts)
}

/** From a limit of 20, with the queue that is the default. */
export function runAdaptive(scenario: Scenario, algorithm: LimitAlgorithm, seed: number): Promise<Result> {
  return run(scenario, seed, (clock) =>
    adaptive(new BoundedSemaphore(20, { queue: adaptiveLifo(), clock }), algorithm),
  )
}

export function goodput({ counts }: Scenario, { good }: Result): number {
  return sum(good, ...counts)
}

function runFixed(scenario: Scenario, limit: number, seed: number): Promise<Result> {
  return run(scenario, seed, (clock) => new BoundedSemaphore(limit, { queue: adaptiveLifo(), clock }))
}

/** Exponential service of 20 ms in the mean; clients leave after 250 ms. */
function run(scenario: Scenario, seed: number, limiter: Simulation['limiter']): Promise<Result> {
  const { seconds, rate, backend, streams = 0, slowdown = 1, events = [] } = scenario
  return simulate({
    seed,
    seconds,
    rate: (second) => (typeof rate === 'number' ? rate : rate(second)) / slowdown,
    patience: 250 * slowdown,
    demand: (draw) => exponential(20 * slowdown, draw),
    streams,
    backend: backend(),
    limiter,
    events,
  })
}
