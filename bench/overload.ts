import { Agent, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { adaptive, adaptiveLifo, BoundedSemaphore, codel, fifo, lifo, probedLittle } from '@lineclear/core'
import { keepPermit, limit } from '@lineclear/express'
import express, { type RequestHandler } from 'express'
import { Child, serve } from './child.ts'
import { table } from './table.ts'

// An Express route in front of ten servers, of which more is asked than they can do, by clients that
// leave after 250 ms, whether the server keeps up or not (open loop). How many are answered in time?

const SERVERS = 10
const SERVICE = 40
const PATIENCE = 250
const WARM_UP = 2000
const MEASURED = 6000
const LOADS = [2, 5]

const permits = SERVERS
const candidates: Record<string, () => RequestHandler | undefined> = {
  'no limit': () => undefined,
  'fifo(1000)': () => limit({ permits, queue: fifo(1000) }),
  'lifo(1000)': () => limit({ permits, queue: lifo(1000) }),
  'codel()': () => limit({ permits, queue: codel({ limit: 1000 }) }),
  'the default': () => limit({ permits }),
  'probedLittle()': () => {
    const semaphore = new BoundedSemaphore(permits, { queue: adaptiveLifo() })
    return limit({ limiter: adaptive(semaphore, probedLittle()) })
  },
}

interface Outcome {
  /** Answered in time, a second. */
  good: number
  refused: number
  left: number
  p50: number
  p99: number
}

if (process.send !== undefined) serveRoute(process.argv[2] as string)
else await compare()

async function compare(): Promise<void> {
  for (const load of LOADS) {
    const rows: string[][] = []
    for (const name of Object.keys(candidates)) {
      const child = new Child(import.meta.url, [name], ['--expose-gc'])
      const port = await child.ask<number>('port')
      const outcome = await offer(port, (load * SERVERS * 1000) / SERVICE)
      const capacity = await child.ask<number>('capacity')
      child.stop()
      rows.push([
        name,
        `${((100 * outcome.good) / capacity).toFixed(1)} %`,
        outcome.good.toFixed(0),
        outcome.refused.toFixed(0),
        outcome.left.toFixed(0),
        outcome.p50.toFixed(0),
        outcome.p99.toFixed(0),
      ])
    }
    const head = ['', 'of capacity', 'in time/s', 'refused/s', 'left/s', 'p50 ms', 'p99 ms']
    table(`${load} times the capacity, clients that leave after ${PATIENCE} ms`, head, rows)
  }
}

/** Sends so many requests a second, at random times, and counts what becomes of those after the warm-up. */
async function offer(port: number, rate: number): Promise<Outcome> {
  const agent = new Agent({ keepAlive: true, maxSockets: Infinity })
  const waits: number[] = []
  let refused = 0
  let left = 0
  const start = performance.now()
  let open = 0
  let due = start
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now()
      for (; due <= now; due += exponential(1000 / rate)) ask(due, due - start > WARM_UP)
      if (now - start < WARM_UP + MEASURED) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
  while (open > 0) await new Promise((resolve) => setTimeout(resolve, 20))
  agent.destroy()
  waits.sort((a, b) => a - b)
  const seconds = MEASURED / 1000
  return {
    good: waits.length / seconds,
    refused: refused / seconds,
    left: left / seconds,
    p50: waits[Math.floor(waits.length * 0.5)] ?? Number.NaN,
    p99: waits[Math.floor(waits.length * 0.99)] ?? Number.NaN,
  }

  function ask(since: number, counts: boolean): void {
    open++
    const call = request({ port, host: '127.0.0.1', agent })
    const timer = setTimeout(() => call.destroy(), PATIENCE)
    call.on('response', (response) => {
      response.resume()
      response.on('end', () => {
        if (!counts) return
        if (response.statusCode === 200) waits.push(performance.now() - since)
        else refused++
      })
    })
    // Those who leave end in an error.
    call.on('error', () => {
      if (counts) left++
    })
    call.on('close', () => {
      open--
      clearTimeout(timer)
    })
    call.end()
  }
}

/** Answers `port`, and `capacity`: how many a second its servers could have served, as measured. */
function serveRoute(name: string): void {
  const app = express()
  const middleware = candidates[name]?.()
  if (middleware !== undefined) app.use(middleware)
  const line: (() => void)[] = []
  let busy = 0
  let served = 0
  let worked = 0
  const work = (done: () => void): void => {
    if (busy === SERVERS) {
      line.push(() => work(done))
      return
    }
    busy++
    const since = performance.now()
    setTimeout(() => {
      served++
      worked += performance.now() - since
      busy--
      line.shift()?.()
      done()
    }, exponential(SERVICE))
  }
  app.get('/', (req, res) => {
    // The servers go on working for clients that have left.
    const release = keepPermit(req)
    work(() => {
      release()
      res.send('ok')
    })
  })
  const server = app.listen(0, '127.0.0.1')
  const listening = new Promise((resolve) => server.once('listening', resolve))
  serve(async (question) => {
    await listening
    if (question === 'port') return (server.address() as AddressInfo).port
    return (SERVERS * 1000 * served) / worked
  })
}

function exponential(mean: number): number {
  return -mean * Math.log(1 - Math.random())
}
