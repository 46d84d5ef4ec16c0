import { Bench, type FnOptions } from 'tinybench'
import { type CancelName, cancels } from './cancels.ts'
import { type Candidate, type CandidateName, candidates } from './candidates.ts'
import { AS_IS, Child, STEADY, serve } from './child.ts'
import { heap } from './heap.ts'
import type { Contestant } from './interleave.ts'

// A row of the core benchmark, measured for one candidate in a child of its own: `Contest` in the
// parent, the rest in the child.

export type Row = 'free' | 'crowd' | 'elapsed' | 'tries' | 'cancel' | 'bytes'

/** How many a single number is taken over. */
export const COUNT: Record<Row, number> = {
  free: 20_000,
  crowd: 50_000,
  elapsed: 50_000,
  tries: 200_000,
  cancel: 100_000,
  bytes: 100_000,
}
const PERMITS = 10

/** One candidate at one row. Measures ns an operation, or bytes a waiter. */
export class Contest implements Contestant<'each'> {
  readonly name: string
  readonly every: number | undefined
  readonly #child: Child

  constructor(row: Row, name: CandidateName | CancelName, every?: number) {
    this.name = name
    this.every = every
    this.#child = new Child(import.meta.url, [row, name], row === 'elapsed' ? AS_IS : STEADY)
  }

  async measure(): Promise<{ each: number }> {
    return { each: await this.#child.ask('measure') }
  }

  stop(): void {
    this.#child.stop()
  }
}

/** Keeps what is in use from the garbage collector until the next measurement. */
const kept: unknown[] = []

const rows: Record<Row, (name: string) => Promise<number>> = {
  free(name) {
    const gate = open(name, COUNT.free)
    return time(() => gate.free(COUNT.free), COUNT.free, 5)
  },
  crowd: (name) => crowd(name, cpu),
  elapsed: (name) => crowd(name, () => performance.now()),
  tries(name) {
    const gate = open(name, COUNT.tries)
    return time(async () => gate.tries?.(COUNT.tries), COUNT.tries, 5)
  },
  cancel(name) {
    let queue = cancels[name as CancelName](0)
    let settled: Promise<unknown>
    const leave = (): Promise<unknown> => {
      queue.leave()
      return settled
    }
    return time(leave, COUNT.cancel, 1, {
      beforeEach: () => {
        queue = cancels[name as CancelName](COUNT.cancel)
        settled = Promise.allSettled(queue.waiters)
        globalThis.gc?.()
      },
    })
  },
  async bytes(name) {
    const gate = open(name, COUNT.bytes + 1)
    const waiters = new Array<Promise<unknown> | undefined>(COUNT.bytes).fill(undefined)
    for (let permit = 0; permit < PERMITS; permit++) gate.wait()
    const before = await heap()
    for (let i = 0; i < waiters.length; i++) waiters[i] = gate.wait()
    kept.push(gate, waiters)
    return ((await heap()) - before) / waiters.length
  },
}

function crowd(name: string, now: () => number): Promise<number> {
  globalThis.gc?.()
  let gate = open(name, COUNT.crowd)
  const beforeEach = (): void => {
    gate = open(name, COUNT.crowd)
  }
  return time(() => gate.crowd(COUNT.crowd), COUNT.crowd, 4, { beforeEach }, now)
}

function open(name: string, crowd: number): ReturnType<Candidate> {
  return candidates[name as CandidateName](PERMITS, crowd + PERMITS)
}

/** ns an operation, of CPU unless told otherwise, over a few runs: garbage of one may be collected in the next. */
async function time(
  run: () => Promise<unknown>,
  operations: number,
  runs: number,
  options: FnOptions = {},
  now: () => number = cpu,
): Promise<number> {
  const bench = new Bench({ now, time: 0, iterations: runs, warmup: false, throws: true })
  bench.add('run', run, { ...options, async: true })
  await bench.run()
  const result = bench.tasks[0]?.result
  if (result === undefined || !('latency' in result)) throw new Error(`not measured: ${result?.state}`)
  return (result.latency.mean * 1e6) / operations
}

/** ms that this process has run, which does not count how long others kept the core. */
function cpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

if (process.send !== undefined) {
  const [row, name] = process.argv.slice(2) as [Row, string]
  serve(() => {
    kept.length = 0
    return rows[row](name)
  })
}
