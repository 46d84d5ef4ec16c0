import type { CancelName } from './cancels.ts'
import type { CandidateName } from './candidates.ts'
import { COUNT, Contest, type Row } from './contest.ts'
import { interleave, type Results } from './interleave.ts'
import { aim, table, times } from './table.ts'

const started = performance.now()
console.log(
  `Node ${process.version}. CPU time unless said otherwise, less is better. Ratios are medians over the rounds (and quartiles).`,
)

const free = await row('free', 'Acquire and release, a permit always free', 21, [
  'bare list',
  'bare list with permits',
  'Semaphore',
  'BoundedSemaphore',
  'async-sema',
  '@henrygd/semaphore',
  'async-mutex',
  'p-limit',
])
aim({
  what: 'Semaphore at or ahead of async-sema',
  measured: free.ratio('Semaphore', 'async-sema', 'each'),
  atMost: 1,
})
aim({
  what: 'within 1.6 x the bare list',
  measured: free.ratio('Semaphore', 'bare list', 'each'),
  atMost: 1.6,
})

const elapsed = await row(
  'elapsed',
  `${number(COUNT.elapsed)} tasks on 10 permits, time passed on Node as it is, which collects garbage on other threads`,
  21,
  ['bare list', 'Semaphore', 'BoundedSemaphore', 'async-sema', '@henrygd/semaphore', 'p-limit'],
)
crowdAims('Semaphore', elapsed)

const crowd = await row(
  'crowd',
  `${number(COUNT.crowd)} tasks on 10 permits, processor time: acquire, one microtask inside, release`,
  9,
  [
    'bare list',
    'bare list with permits',
    'Semaphore',
    'BoundedSemaphore',
    'Semaphore, a time-out each',
    'Semaphore, a signal each',
    'async-sema',
    '@henrygd/semaphore',
    'p-limit',
    'async-mutex',
  ],
)
console.log('  async-mutex takes part in every third round: its time grows with the square of the queue.\n')
crowdAims('the same by processor time:', crowd)
aim({
  what: 'with a time-out each within 2 x the bare list',
  measured: crowd.ratio('Semaphore, a time-out each', 'bare list', 'each'),
  atMost: 2,
})

await row('tries', 'tryAcquire and release', 15, [
  'bare list',
  'bare list with permits',
  'Semaphore',
  'BoundedSemaphore',
  'async-sema',
])
console.log('  The others cannot: they have no tryAcquire, or none without a promise.')

const cancel = await row(
  'cancel',
  `${number(COUNT.cancel)} waiters leave, until all promises are settled`,
  5,
  [
    'signals alone',
    'Semaphore, a signal each',
    'BoundedSemaphore, a signal each',
    'Semaphore, one signal for all',
    'Semaphore, close()',
    'async-mutex, cancel()',
    'p-limit, clearQueue()',
  ],
)
console.log('  async-mutex and p-limit can only cancel all at once; async-sema and @henrygd cannot.\n')
const leaving = cancel.value('Semaphore, a signal each', 'each')
const seconds = (each: number): number => (each * COUNT.cancel) / 1e9
aim({
  what: '100,000 signals abort in about a second, in s',
  measured: { median: seconds(leaving.median), low: seconds(leaving.low), high: seconds(leaving.high) },
  atMost: 1.2,
})

const bytes = await row('bytes', 'Bytes a waiter holds, its promise included', 3, [
  'bare list',
  'bare list with permits',
  'Semaphore',
  'BoundedSemaphore',
  'Semaphore, a time-out each',
  'Semaphore, a signal each',
  'async-sema',
  '@henrygd/semaphore',
  'async-mutex',
  'p-limit',
])
aim({ what: 'under 400 bytes a plain waiter', measured: bytes.value('Semaphore', 'each'), atMost: 400 })

console.log(`\nTook ${Math.round((performance.now() - started) / 1000)} s.`)

async function row(
  kind: Row,
  title: string,
  rounds: number,
  names: (CandidateName | CancelName)[],
): Promise<Results<'each'>> {
  const contests = names.map((name) => {
    const every = kind === 'crowd' && name === 'async-mutex' ? 3 : undefined
    return new Contest(kind, name, every)
  })
  const results = await interleave(contests, rounds)
  for (const contest of contests) contest.stop()
  const [reference = ''] = names
  const unit = kind === 'bytes' ? 'bytes' : 'ns each'
  const lines = names.map((name) => [
    name,
    results.value(name, 'each').median.toFixed(kind === 'tries' ? 1 : 0),
    times(results.ratio(name, reference, 'each')),
  ])
  table(title, ['', unit, `x ${reference}`], lines)
  console.log()
  return results
}

function crowdAims(what: string, results: Results<'each'>): void {
  aim({
    what: `${what} within 1.4 x the bare list`,
    measured: results.ratio('Semaphore', 'bare list', 'each'),
    atMost: 1.4,
  })
  aim({
    what: `${what} not behind p-limit`,
    measured: results.ratio('Semaphore', 'p-limit', 'each'),
    atMost: 1,
  })
}

function number(value: number): string {
  return value.toLocaleString('en')
}
