import {
  adaptive,
  adaptiveLifo,
  BoundedSemaphore,
  type Clock,
  type LimitAlgorithm,
  type Limiter,
  type Permit,
} from '@lineclear/core'
import {
  exponential,
  type MakeLimiter,
  poisson,
  pool,
  processorSharing,
  type Result,
  refusedIn,
  type Server,
  simulate,
  steps,
  usl,
} from '@lineclear/simulator'

export interface Scenario {
  readonly name: string
  /** `now` tells the simulated time, for what changes other than in servers and speed. */
  readonly server: Server | ((now: () => number) => Server)
  /** Requests a second. */
  readonly rate: number
  /** Requests a second from 20 s on. Default: no change. */
  readonly load?: number
  readonly seconds: number
  /** What comes in the first seconds, and they, do not count. */
  readonly warmUp: number
  /** The limits to compare with: the best of them for each seed. */
  readonly fixed: readonly number[]
  /** The share of requests whose answer is a stream of 30 s: it holds its permit on, but no server. Default 0. */
  readonly streams?: number
  /** How many times slower all is: the services, the requests and the clients' patience. Default 1. */
  readonly slowdown?: number
  /** The least share of the best fixed limit's goodput, percent. */
  readonly target: number
}

const slower = [
  { at: 20_000, speed: 0.5 },
  { at: 40_000, speed: 1 },
]
const fewer = [
  { at: 20_000, servers: 10 },
  { at: 40_000, servers: 20 },
]

/** Fewer servers would not do: those at work would be fewer, not slower. */
function fewerProcessors(now: () => number): Server {
  const [twenty, ten] = [processorSharing(20), processorSharing(10)]
  return {
    ...twenty,
    rate: (busy) => (now() < 20_000 || now() >= 40_000 ? twenty : ten).rate(busy),
    // Nothing else, but the server looks at its rate anew.
    changes: [{ at: 20_000 }, { at: 40_000 }],
  }
}

const pool20 = { server: pool(20), rate: 2000, fixed: [20, 22, 25, 30] }
const sharing20 = { server: processorSharing(20), rate: 2000, fixed: [20, 22, 25, 30] }
// 510 a second at best, at 30 to 40.
const usl30 = { server: usl(0.05, 0.0005), rate: 1020, fixed: [26, 28, 30, 32, 34, 36, 40] }
// 270 a second at best, at 13; half of that at 60.
const steep = { server: usl(0.05, 0.005), rate: 540, fixed: [11, 12, 13, 14, 15, 16] }
const long = { seconds: 65, warmUp: 5 }
const lowered = { seconds: 35, warmUp: 30, target: 85 }
const restored = { seconds: 55, warmUp: 50, target: 85 }

/** Twice the load that there is capacity for. */
export const overload: readonly Scenario[] = [
  { name: '20 servers', ...pool20, ...long, target: 98 },
  {
    name: '200 servers',
    server: pool(200),
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
    server: pool(2),
    rate: 200,
    fixed: [2, 3, 4],
    ...{ seconds: 240, warmUp: 60 },
    target: 85,
  },
  {
    name: '20 servers, 0.1 % streams of 30 s',
    ...pool20,
    fixed: [60, 70, 80, 100],
    ...{ seconds: 120, warmUp: 60 },
    streams: 0.001,
    target: 93,
  },
]

/** Half of the capacity goes at 20 s and is back at 40 s; what counts begins 10 s later. */
export const changes: readonly Scenario[] = [
  { name: '20 servers become 10', ...pool20, server: pool(20, fewer), fixed: [10, 12, 15, 20], ...lowered },
  { name: '10 servers become 20', ...pool20, server: pool(20, fewer), ...restored },
  { name: '20 servers, slower', ...pool20, server: pool(20, slower), ...lowered },
  { name: '20 servers, as fast again', ...pool20, server: pool(20, slower), ...restored },
  {
    name: '20 processors become 10',
    ...sharing20,
    server: fewerProcessors,
    fixed: [10, 12, 15, 20],
    ...lowered,
  },
  { name: '10 processors become 20', ...sharing20, server: fewerProcessors, ...restored },
  { name: 'USL, slower', ...usl30, server: usl(0.05, 0.0005, slower), ...lowered, target: 80 },
  { name: 'USL, as fast again', ...usl30, server: usl(0.05, 0.0005, slower), ...restored, target: 80 },
]

/** 70 % load after 20 s of overload: refused should be, in percent of what came from 30 s on, at most. */
export const calm: readonly (Scenario & { readonly refused: number })[] = [
  { name: '20 servers', ...pool20, load: 700, refused: 0.5 },
  { name: '20 shared processors', ...sharing20, load: 700, refused: 0.5 },
  { name: 'USL', ...usl30, load: 360, refused: 0.5 },
  { name: 'steep USL', ...steep, load: 190, refused: 2 },
].map((scenario) => ({ ...scenario, seconds: 90, warmUp: 30, target: 0 }))

/** An hour at 1.2 times the capacity. */
export const hour: Scenario = {
  ...{ name: 'an hour', ...pool20, rate: 1200, seconds: 3600, warmUp: 3000, target: 98 },
}

const best = new Map<string, number>()

/** The goodput that counts, in percent of that of the best fixed limit on the same seed. */
export async function share(scenario: Scenario, algorithm: LimitAlgorithm, seed: number): Promise<number> {
  const key = `${scenario.name} ${seed}`
  if (!best.has(key)) {
    const goodputs: number[] = []
    for (const limit of scenario.fixed) goodputs.push((await runFixed(scenario, limit, seed)).goodput)
    best.set(key, Math.max(...goodputs))
  }
  const { goodput } = await runAdaptive(scenario, algorithm, seed)
  return (100 * goodput) / (best.get(key) as number)
}

/** Those that were refused or left the queue, of what counts, percent. */
export async function refused(scenario: Scenario, algorithm: LimitAlgorithm, seed: number): Promise<number> {
  const result = await runAdaptive(scenario, algorithm, seed)
  return (100 * (refusedIn(result) + result.gaveUp - result.wasted)) / result.offered
}

/** From a limit of 20, with the queue that is the default. */
export function runAdaptive(scenario: Scenario, algorithm: LimitAlgorithm, seed: number): Promise<Result> {
  return run(scenario, seed, ({ clock }) =>
    adaptive(new BoundedSemaphore(20, { queue: adaptiveLifo(), clock }), algorithm),
  )
}

/** The limit at the end of each second. */
export function limits({ series }: Result): number[] {
  return series.map(({ limit }) => limit as number)
}

function runFixed(scenario: Scenario, limit: number, seed: number): Promise<Result> {
  return run(scenario, seed, ({ clock }) => new BoundedSemaphore(limit, { queue: adaptiveLifo(), clock }))
}

/**
 * Exponential service of 20 ms in the mean; clients leave after 250 ms, and the server does not notice: it
 * answers too late, and the limiter takes that for a success.
 */
function run(scenario: Scenario, seed: number, makeLimiter: MakeLimiter): Promise<Result> {
  const { seconds, warmUp, rate, load, server, streams = 0, slowdown = 1 } = scenario
  let now = (): number => 0
  return simulate(
    {
      seed,
      duration: 1000 * seconds,
      warmUp: 1000 * warmUp,
      drain: 0,
      arrivals:
        load === undefined
          ? poisson(rate / slowdown)
          : steps([
              [0, rate / slowdown],
              [20_000, load / slowdown],
            ]),
      service: exponential(20 * slowdown),
      server: typeof server === 'function' ? server(() => now()) : server,
      clients: {
        patience: 250 * slowdown,
        outcomeWhenLeft: 'success',
        key: streams === 0 ? undefined : (random) => (random.next() < streams ? STREAM : undefined),
      },
    },
    (surroundings) => {
      const { clock } = surroundings
      now = () => clock.now()
      const made = makeLimiter(surroundings)
      return streams === 0 || 'limiter' in made ? made : streaming(made, clock)
    },
  )
}

const STREAM = 'stream'

/** Those of the key `stream` hold their permits for 30 s more than their work takes. */
function streaming(limiter: Limiter, clock: Clock): Limiter {
  const hold = (permit: Permit): Permit => {
    const release: Permit['release'] = (outcome) => {
      clock.setTimer(() => permit.release(outcome), 30_000)
    }
    return { release, [Symbol.dispose]: () => release() }
  }
  return {
    get limit() {
      return limiter.limit
    },
    tryAcquire(request) {
      const permit = limiter.tryAcquire(request)
      return permit !== undefined && request?.key === STREAM ? hold(permit) : permit
    },
    async acquire(request) {
      const permit = await limiter.acquire(request)
      return request?.key === STREAM ? hold(permit) : permit
    },
  }
}
