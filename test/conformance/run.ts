import { parseArgs } from 'node:util'
import type { Column } from './runner.ts'
import { runTarget } from './runner.ts'
import { installed, runtimes } from './runtimes.ts'
import { chapters } from './scenarios/index.ts'
import { targets } from './targets.ts'

const { values } = parseArgs({
  options: {
    runtime: { type: 'string', multiple: true },
    target: { type: 'string', multiple: true },
    scenario: { type: 'string', multiple: true },
  },
})

const wanted = (name: string, filter: string[] | undefined): boolean =>
  filter === undefined || filter.some((part) => name.includes(part))
const scenarios = chapters
  .flatMap(({ scenarios }) => scenarios)
  .filter(({ name }) => wanted(name, values.scenario))

const started = performance.now()
let cells = 0
let failed = 0
for (const runtime of runtimes.filter(({ name }) => wanted(name, values.runtime))) {
  if (!installed(runtime)) {
    console.log(`${runtime.name} is not installed here: skipped`)
    continue
  }
  for (const target of targets) {
    if (target.programs[runtime.host] === undefined || !wanted(target.name, values.target)) continue
    await runTarget(runtime, target, scenarios, tell)
  }
}
console.log(`${cells} cells, ${failed} failed, in ${((performance.now() - started) / 1000).toFixed(1)} s`)

function tell({ runtime, target, cells: column }: Column): void {
  const of = (result: string): number => [...column.values()].filter((cell) => cell.result === result).length
  console.log(`${runtime} ${target}: ${of('ok')} ok, ${of('failed')} failed, ${of('impossible')} impossible`)
  for (const [scenario, cell] of column) {
    if (cell.result === 'not applicable') continue
    cells++
    if (cell.result !== 'failed') continue
    failed++
    console.log(`  ${scenario}: ${cell.error}`)
  }
}
