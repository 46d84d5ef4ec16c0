import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Adapter } from '../http/adapters/adapter.ts'
import { plainAdapters as adapters } from '../http/adapters/plain.ts'
import { chaos } from './chaos.ts'
import type { CrowdPlan, CrowdReport } from './crowd.ts'
import { Heap } from './heap.ts'

const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '300000' },
    rounds: { type: 'string', default: '16' },
    seed: { type: 'string' },
    adapter: { type: 'string', multiple: true },
  },
})

const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
const chosen = adapters.filter(({ name }) => values.adapter?.some((given) => isShort(given, name)) ?? true)
if (chosen.length === 0) throw new Error(`No adapter is called ${values.adapter}`)
console.log(`pnpm chaos --seed ${seed}`)

const clients = fork(fileURLToPath(new URL('crowd-process.ts', import.meta.url)))
for (const adapter of chosen) {
  try {
    await runOne(adapter)
  } catch (error) {
    process.exitCode = 1
    console.error((error as Error).message)
  }
}
clients.disconnect()

async function runOne(adapter: Adapter): Promise<void> {
  const heap = new Heap()
  const start = performance.now()
  const { requests, clients, handled, answers, leavers } = await chaos({
    seed,
    adapter,
    requests: Number(values.requests) / chosen.length,
    rounds: Number(values.rounds),
    send,
    onRound: (requests) => heap.measure(requests),
  })
  const seconds = ((performance.now() - start) / 1000).toFixed(0)
  console.log(
    `${adapter.name}: ${requests} requests of ${clients} clients in ${seconds} s, ${handled} handled`,
  )
  console.log(`  answers ${show(answers)}; left ${show(leavers)}; ${heap}`)
  heap.check(seed)
}

async function send(plan: CrowdPlan): Promise<CrowdReport> {
  clients.send(plan)
  const [report] = await once(clients, 'message')
  return report as CrowdReport
}

/** `express5` is short for `Express 5`. */
function isShort(given: string, name: string): boolean {
  const plain = (text: string): string => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  return plain(name).startsWith(plain(given))
}

function show(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name}: ${count}`)
    .join(', ')
}
