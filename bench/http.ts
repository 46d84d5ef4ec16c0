import type { Framework, Kind } from './apps.ts'
import { interleave, type Spread } from './interleave.ts'
import { Site } from './site.ts'
import { aim, table, times } from './table.ts'

const ROUNDS = 40
const KINDS: Record<Framework, Kind[]> = {
  express: ['bare', 'empty', 'limit', 'express-queue', 'refusing'],
  koa: ['bare', 'empty', 'limit', 'refusing'],
  hono: ['bare', 'empty', 'limit', 'refusing'],
}
const LABELS: Record<Kind, string> = {
  bare: 'the bare framework',
  empty: 'an empty middleware',
  limit: 'limit({ permits: 1000 })',
  'express-queue': 'express-queue',
  refusing: 'limit, refusing',
}
const frameworks = Object.keys(KINDS) as Framework[]

const started = performance.now()
console.log(
  `Node ${process.version}. One route that answers "hello"; ratios are medians over ${ROUNDS} rounds, with their quartiles.`,
)

const sites = frameworks.flatMap((framework) => KINDS[framework].map((kind) => new Site(framework, kind)))
const results = await interleave(sites, ROUNDS, 4)
for (const site of sites) site.stop()

for (const framework of frameworks) {
  const lines = KINDS[framework].map((kind) => [
    LABELS[kind],
    results.value(`${framework} ${kind}`, 'rate').median.toFixed(0),
    times(rate(framework, kind, 'bare')),
    times(rate(framework, kind, 'empty')),
    busy(framework, kind),
    results.value(`${framework} ${kind}`, 'cpu').median.toFixed(1),
    times(cpu(framework, kind, 'bare')),
    times(cpu(framework, kind, 'empty')),
  ])
  table(framework, ['', 'req/s', 'x bare', 'x empty', 'busy', 'CPU us/req', 'x bare', 'x empty'], lines)
}

console.log(`
More requests a second are better; of CPU, less. Where the server is not busy all the time, the load
generator is what limits the requests a second, and they say little: believe the CPU.
`)
compare('koa limit at least 0.93 of bare', 'koa', 'limit', 'bare', 0.93)
compare('express limit at least 0.95 of empty', 'express', 'limit', 'empty', 0.95)
compare('hono limit at least 0.95 of empty', 'hono', 'limit', 'empty', 0.95)
compare('express limit 10% ahead of express-queue', 'express', 'limit', 'express-queue', 1.1)
compare('express refusing at least 0.9 of hello', 'express', 'refusing', 'bare', 0.9)
compare('koa refusing at least 0.9 of hello', 'koa', 'refusing', 'bare', 0.9)
compare('hono refusing at least 0.75 of hello', 'hono', 'refusing', 'bare', 0.75)
console.log(`\nTook ${Math.round((performance.now() - started) / 1000)} s.`)

function compare(what: string, framework: Framework, kind: Kind, reference: Kind, atLeast: number): void {
  aim({ what, measured: rate(framework, kind, reference), atLeast })
  // Who uses less of it serves more.
  aim({ what: `${what}, by CPU`, measured: cpu(framework, reference, kind), atLeast })
}

/** How much of a core the server used under load. */
function busy(framework: Framework, kind: Kind): string {
  const name = `${framework} ${kind}`
  const { median } = results.value(name, 'rate')
  return `${((median * results.value(name, 'cpu').median) / 1e4).toFixed(0)}%`
}

function rate(framework: Framework, kind: Kind, reference: Kind): Spread {
  return results.ratio(`${framework} ${kind}`, `${framework} ${reference}`, 'rate')
}

function cpu(framework: Framework, kind: Kind, reference: Kind): Spread {
  return results.ratio(`${framework} ${kind}`, `${framework} ${reference}`, 'cpu')
}
