import { parseArgs } from 'node:util'
import type { Kind } from '../available.ts'
import { faults, longFaults } from './all.ts'
import { type Figures, percent } from './crowd.ts'
import { closeShared, inflict } from './fault.ts'

// pnpm redis-faults [--seconds 20] [--processes 4 --processes 16] [--only <regular expression>] [--server valkey]
// Prints a table in Markdown, and ends with 1 if a guarantee did not hold.

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    processes: { type: 'string', multiple: true, default: ['4', '16'] },
    only: { type: 'string' },
    server: { type: 'string', default: 'redis' },
  },
})
const kind = values.server as Kind
const only = new RegExp(values.only ?? '')
const chosen = [...faults, ...longFaults].filter(({ name }) => only.test(name))
if (chosen.length === 0) throw new Error(`The name of no fault matches ${values.only}`)

console.log(
  `| What happens (${kind}) | Processes | Permits | Over the limit, ms | In use, mean | Wait, median / most, ms | Least share | |`,
)
console.log('|---|--:|--:|--:|--:|--:|--:|---|')
for (const fault of chosen) {
  for (const processes of values.processes.map(Number)) {
    try {
      const { figures, note = '' } = await inflict(fault, kind, {
        processes,
        seconds: Number(values.seconds),
      })
      console.log(`| ${fault.name} | ${row(figures)} | ${note} |`)
    } catch (error) {
      process.exitCode = 1
      console.log(`| ${fault.name} | ${processes} | | **failed** | | | | ${(error as Error).message} |`)
      console.error(error)
    }
  }
}
await closeShared()

function row(figures: Figures): string {
  const { processes, permits, over, overBy, waitMedian, waitMost, leastShare } = figures
  return [
    processes,
    permits,
    over === 0 ? '0' : `${over.toFixed(0)}, by ${overBy}`,
    percent(figures.occupancy),
    `${waitMedian.toFixed(0)} / ${waitMost.toFixed(0)}`,
    Number.isNaN(leastShare) || leastShare === Infinity ? '' : percent(leastShare),
  ].join(' | ')
}
