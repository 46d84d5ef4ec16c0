import type { Scenario } from './scenario.ts'

/** Cells that no adapter can turn green, with why. They are run, and must fail. */
interface Impossible {
  /** As its name says, or several of them. */
  scenario: string | RegExp
  runtime: RegExp
  target: RegExp
  reason: string
  /** Where the runtime or framework says so. */
  see?: string
  /** Not even to be tried. */
  dangerous?: true
}

const impossible: Impossible[] = []

export function impossibility({ name }: Scenario, runtime: string, target: string): Impossible | undefined {
  return impossible.find(
    (cell) =>
      (typeof cell.scenario === 'string' ? cell.scenario === name : cell.scenario.test(name)) &&
      cell.runtime.test(runtime) &&
      cell.target.test(target),
  )
}
