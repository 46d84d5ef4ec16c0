import { parseArgs } from 'node:util'
import { guards, guardsTable, tryWithout } from './guards.ts'
import { jobsOn, runAll } from './run-all.ts'
import type { Column } from './runner.ts'
import { installed, runtimes } from './runtimes.ts'
import { scenarios } from './scenarios/index.ts'
import { tables, writePart } from './table.ts'

const filter = { type: 'string', multiple: true } as const
const { values } = parseArgs({
  options: {
    runtime: filter,
    target: filter,
    scenario: filter,
    write: { type: 'boolean' },
    guards: { type: 'boolean' },
  },
})

const wanted = (name: string, filter: string[] | undefined): boolean =>
  filter === undefined || filter.some((part) => name.includes(part))

const here = runtimes.filter((runtime) => {
  if (!wanted(runtime.name, values.runtime)) return false
  if (!installed(runtime)) console.log(`${runtime.name} is not installed here: skipped`)
  return installed(runtime)
})
const jobs = jobsOn(here).filter(({ target }) => wanted(target.name, values.target))
const played = scenarios.filter(({ name }) => wanted(name, values.scenario))

if (values.guards) {
  await tryGuards()
  process.exit()
}

const started = performance.now()
let cells = 0
let failed = 0
const columns = await runAll(jobs, played, tell)
console.log(`${cells} cells, ${failed} failed, in ${((performance.now() - started) / 1000).toFixed(1)} s`)

if (values.write) {
  const all = here.length === runtimes.length && !values.target && !values.scenario
  if (!all) throw new Error('Only a run of everything, on every runtime, can be written down')
  writePart('cells', tables(columns))
}
process.exitCode = failed > 0 ? 1 : 0

async function tryGuards(): Promise<void> {
  let useless = 0
  for (const guard of guards) {
    const error = await tryWithout(guard)
    if (error === undefined) useless++
    console.log(`${error === undefined ? 'NOT RED' : 'red'} without ${guard.file}: ${guard.text.trim()}`)
    console.log(`  ${guard.scenario} (${guard.runtime}, ${guard.target}): ${error ?? 'passes'}`)
  }
  if (values.write) writePart('guards', guardsTable())
  process.exitCode = useless > 0 ? 1 : 0
}

function tell({ runtime, target, cells: column }: Column): void {
  const of = (result: string): number => [...column.values()].filter((cell) => cell.result === result).length
  console.log(`${runtime} ${target}: ${of('ok')} ok, ${of('failed')} failed, ${of('impossible')} impossible`)
  cells += column.size - of('not applicable')
  failed += of('failed')
  for (const [scenario, cell] of column) {
    if (cell.result === 'failed') console.log(`  ${scenario}\n    ${cell.error}`)
  }
}
