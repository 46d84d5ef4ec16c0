import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline, Readable } from 'node:stream'
import { limit } from '@lineclear/express'
import express, { type Handler, type RequestHandler } from 'express'
import expressQueue from 'express-queue'
import { afterEach, describe, expect, it } from 'vitest'
import { listening, RawClient, turnOfTheLoop, until } from './http/helpers.ts'

// The reasons people leave express-queue, side by side: one request inside, one waiting; the first ends
// in one of these ways, and the second must get in. express-queue frees its place when `res.end()` is
// called, and these do not call it.

/** A stream with a beginning and no end. */
function endless(): Readable {
  const stream = new Readable({ read() {} })
  stream.push('begun')
  return stream
}

const endings: Record<string, { handler: Handler; leave: boolean }> = {
  'a client leaves server-sent events': {
    handler: (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: begun\n\n')
    },
    leave: true,
  },
  'a client leaves pipeline(stream, res)': {
    handler: (_req, res) => {
      pipeline(endless(), res, () => {})
    },
    leave: true,
  },
  'a client leaves res.sendFile()': {
    handler: (_req, res) => {
      res.sendFile(process.execPath)
    },
    leave: true,
  },
  'the handler calls res.destroy()': {
    handler: (_req, res) => {
      res.destroy()
    },
    leave: false,
  },
  'the handler returns early because its client has left': {
    handler: () => {},
    leave: true,
  },
}

const servers: Server[] = []
const clients: RawClient[] = []

afterEach(() => {
  for (const client of clients.splice(0)) client.socket.destroy()
  for (const server of servers.splice(0)) server.close().closeAllConnections()
})

/** Whether a second request gets in after the first has ended with its connection. */
async function secondGetsIn(middleware: RequestHandler, { handler, leave }: (typeof endings)[string]) {
  const app = express()
  const entered: string[] = []
  app.use(middleware)
  app.get('/first', (req, res, next) => {
    entered.push('first')
    handler(req, res, next)
  })
  app.get('/second', (_req, res) => {
    entered.push('second')
    res.send('second')
  })
  const server = createServer(app)
  servers.push(server)
  const requests: [IncomingMessage, ServerResponse][] = []
  server.on('request', (req, res) => requests.push([req, res]))
  const port = await listening(server)

  const first = new RawClient(port)
  first.socket.pause()
  first.send('/first')
  clients.push(first)
  await until(() => entered.includes('first'))
  const [, res] = requests[0] as [IncomingMessage, ServerResponse]
  const closed = res.closed ? undefined : once(res, 'close')
  const second = new RawClient(port).send('/second')
  clients.push(second)
  await until(() => requests.length === 2)
  if (leave) first.leave()
  await closed
  // Plenty for a hand-over, which takes a turn or two.
  for (let turn = 0; turn < 200; turn++) await turnOfTheLoop()
  return entered.includes('second')
}

describe.each(Object.entries(endings))('when %s', (_, ending) => {
  it('the next request gets in', async () => {
    expect(await secondGetsIn(limit({ permits: 1 }), ending)).toBe(true)
  })

  it('express-queue hangs', async () => {
    expect(await secondGetsIn(expressQueue({ activeLimit: 1, queuedLimit: -1 }), ending)).toBe(false)
  })
})
