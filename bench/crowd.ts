import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { limit } from '@lineclear/express'
import express, { type RequestHandler } from 'express'
import { Child, serve } from './child.ts'
import { table } from './table.ts'

// Ten thousand requests wait, and their handlers answer at once: how long does the longest turn of the
// event loop take in which they go on? Beside a limit by hand that lets each go on as a permit comes free.

const CROWD = 9_000
const ROUNDS = 5

/** What one writes by hand: a list of those who wait, resumed as places come free. */
function byHand(places: number): RequestHandler {
  const waiting: (() => void)[] = []
  return (_req, res, next) => {
    res.on('close', () => {
      const resume = waiting.shift()
      if (resume === undefined) places++
      else resume()
    })
    if (places > 0) {
      places--
      next()
    } else {
      new Promise<void>((resolve) => waiting.push(resolve)).then(() => next())
    }
  }
}

function ourLimit(): RequestHandler {
  return limit({ permits: 1, queue: Infinity, queueTimeout: Infinity })
}

interface Turns {
  longest: number
  total: number
}

/** Answers `listen` with a port, and `go`, once the crowd waits, with the turns it took. */
function serveCrowd(middleware: RequestHandler): void {
  let arrived = 0
  let served = 0
  let hold: (() => void) | undefined
  const app = express()
  app.use((_req, _res, next) => {
    arrived++
    next()
  })
  app.use(middleware)
  app.use((_req, res) => {
    served++
    if (served === 1) hold = () => res.send('held')
    else res.send('ok')
  })
  const server = createServer(app as RequestListener)
  serve(async (question) => {
    if (question === 'listen') {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      return (server.address() as AddressInfo).port
    }
    while (arrived <= CROWD) await new Promise((resolve) => setTimeout(resolve, 20))
    const begin = performance.now()
    let last = begin
    let longest = 0
    hold?.()
    while (served <= CROWD) {
      await new Promise((resolve) => setImmediate(resolve))
      const now = performance.now()
      longest = Math.max(longest, now - last)
      last = now
    }
    return { longest, total: last - begin } satisfies Turns
  })
}

/** Answers a port once all have connected and asked. */
function comeInCrowds(): void {
  const sockets: Socket[] = []
  serve(async (port) => {
    for (let i = 0; i <= CROWD; i++) {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => {}).resume()
      sockets.push(socket)
      await once(socket, 'connect')
      socket.write('GET / HTTP/1.1\r\nHost: bench\r\n\r\n')
    }
    return sockets.length
  })
}

async function measure(): Promise<void> {
  const rows: string[][] = []
  const found: Record<string, Turns[]> = { 'by hand': [], 'limit()': [] }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, turns] of Object.entries(found)) {
      const server = new Child(import.meta.url, [name], [])
      const clients = new Child(import.meta.url, ['clients'], [])
      const port = await server.ask<number>('listen')
      const coming = clients.ask(String(port))
      turns.push(await server.ask<Turns>('go'))
      await coming
      clients.stop()
      server.stop()
    }
  }
  const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] ?? 0
  for (const [name, turns] of Object.entries(found)) {
    const longest = median(turns.map((each) => each.longest))
    const total = median(turns.map((each) => each.total))
    rows.push([name, longest.toFixed(0), total.toFixed(0)])
  }
  table(
    `Node ${process.version}. ${CROWD} requests that wait for one permit and are answered at once; medians of ${ROUNDS} rounds, in ms.`,
    ['', 'longest turn of the event loop', 'all answered'],
    rows,
  )
}

const role = process.argv[2]
if (role === 'by hand') serveCrowd(byHand(1))
else if (role === 'limit()') serveCrowd(ourLimit())
else if (role === 'clients') comeInCrowds()
else await measure()
