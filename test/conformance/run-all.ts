import { type Column, runTarget } from './runner.ts'
import type { Runtime } from './runtimes.ts'
import type { Scenario } from './scenario.ts'
import { type Target, targets } from './targets.ts'

/** More processes than that wait for one another. */
const AT_ONCE = 3

export interface Job {
  runtime: Runtime
  target: Target
}

/** What of the targets runs on these runtimes. */
export function jobsOn(runtimes: Runtime[]): Job[] {
  return runtimes.flatMap((runtime) =>
    targets
      .filter((target) => target.programs[runtime.host] !== undefined)
      .map((target) => ({ runtime, target })),
  )
}

/** Runs the jobs, a few at a time, and resolves with the columns of each, in the order of the jobs. */
export async function runAll(
  jobs: Job[],
  scenarios: Scenario[],
  told: (column: Column) => void = () => {},
): Promise<Column[]> {
  const columns: Column[][] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < jobs.length) {
      const index = next++
      const { runtime, target } = jobs[index] as Job
      columns[index] = await runTarget(runtime, target, scenarios, { told })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return columns.flat()
}
