import { describe, expect, it } from 'vitest'
import { jobsOn, runAll } from './run-all.ts'
import { type Column, columnName } from './runner.ts'
import { installed, runtimes } from './runtimes.ts'
import { scenarios } from './scenarios/index.ts'
import { committed, markOf } from './table.ts'
import { transportsOf } from './targets.ts'

const TOO_LONG = 600_000

// All of them run at once, a few at a time; each test waits for its own.
const columns = new Map<string, (column: Column) => void>()
const jobs = jobsOn(runtimes)
const ran = runAll(
  jobs.filter(({ runtime }) => installed(runtime)),
  scenarios,
  (column) => columns.get(`${column.runtime} ${column.target}`)?.(column),
)

describe.each(runtimes)('on $name', (runtime) => {
  for (const { target } of jobs.filter((job) => job.runtime === runtime)) {
    for (const transport of transportsOf(target, runtime.host)) {
      const name = columnName(target, transport)
      const column = new Promise<Column>((resolve) => columns.set(`${runtime.name} ${name}`, resolve))
      it.skipIf(!installed(runtime))(
        `${name} is as docs/conformance.md says, and nothing fails`,
        async () => {
          const { cells } = (await Promise.race([column, ran.then(() => column)])) as Column
          const failures = [...cells].flatMap(([scenario, cell]) =>
            cell.result === 'failed' ? [`${scenario}: ${cell.error}`] : [],
          )
          expect(failures).toEqual([])
          const marks = [...cells].map(([scenario, cell]) => [scenario, markOf(cell)] as const)
          expect(Object.fromEntries(marks.filter(([, mark]) => mark !== ''))).toEqual(
            committed(runtime.name, name),
          )
        },
        TOO_LONG,
      )
    }
  }
})
