import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from './build.ts'

// Measures the built packages on plain node. A loader such as tsx would not do: to keep their names it
// wraps every function at run time, which costs more than what is measured here.

const PARTS = ['core', 'http', 'memory', 'crowd', 'overload', 'redis']
const USAGE = `Usage: pnpm bench <part>

  core    the semaphores beside their peers: time and memory (about three minutes)
  http    a do-nothing route with and without the middleware (about three minutes)
  memory  the bytes that a waiter, a permit and a request take (about two minutes)
  crowd   the longest turn of the event loop in which thousands that waited go on (about a minute)
  overload  goodput of an Express route of which too much is asked, by line and limit (about two minutes)
  redis   one limit across processes, beside redis-semaphore and Bottleneck, on a redis-server from PATH
          (about five minutes; with --quick a glance at each row)

All results but bytes are ratios within one run; an absolute time means little on another machine.`

const part = process.argv[2] ?? ''
if (PARTS.includes(part)) process.exitCode = measure(part)
else {
  console.error(USAGE)
  process.exitCode = 2
}

function measure(part: string): number {
  const built = build()
  // Ctrl-C reaches the child as well; stay to clean up after it.
  process.once('SIGINT', () => {})
  try {
    const { status } = spawnSync(
      process.execPath,
      [join(built.folder, `${part}.js`), ...process.argv.slice(3)],
      { stdio: 'inherit' },
    )
    return status ?? 1
  } finally {
    built.remove()
  }
}
