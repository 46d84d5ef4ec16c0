import { Holding, type HoldingName, holdings } from './holding.ts'
import { interleave } from './interleave.ts'
import { table } from './table.ts'

const ROUNDS = 5
const COUNT = 100_000
// Each is a connection, with a socket at either end.
const REQUESTS = 2000

const names = Object.keys(holdings) as HoldingName[]
const countOf = (name: HoldingName): number => (name.endsWith('request') ? REQUESTS : COUNT)

const contestants = names.map((name) => new Holding(name, countOf(name)))
const results = await interleave(contestants, ROUNDS)
for (const contestant of contestants) contestant.stop()

table(
  `Node ${process.version}. Bytes each takes in the heap; medians of ${ROUNDS} rounds (and quartiles). A waiter's include its promise, a signal's only what waiting on it adds, a request's only what the middleware adds to node:http.`,
  ['', 'bytes', 'quartiles', 'of so many'],
  names.map((name) => {
    const { median, low, high } = results.value(name, 'bytes')
    return [name, median.toFixed(0), `${low.toFixed(0)}-${high.toFixed(0)}`, String(countOf(name))]
  }),
)
