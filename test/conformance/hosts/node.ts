import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttp2, createSecureServer, type Http2Server } from 'node:http2'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { cert, key } from '../certificate.ts'
import { Control, type Show } from '../stage/control.ts'
import { PromisedGates, type Setup, Stage } from '../stage/stage.ts'
import type { Transport } from '../transport.ts'

/** Makes the server of the transport that is being tested. */
export type Make = (listener: unknown) => Server

/** A framework's application on a stage, on a server that `make` made. */
export type NodeTarget = (stage: Stage, make: Make) => Server | Promise<Server>

export async function serve(target: NodeTarget): Promise<void> {
  const control = new Control(async (setup, previous) => {
    previous?.commands.end?.()
    return raise(target, setup as Setup & { transport: Transport })
  })
  process.on('uncaughtException', (error) => control.noise(error))
  process.on('unhandledRejection', (error) => control.noise(error, 'unhandled '))
  process.on('warning', (warning) => control.noise(warning))
  const server = createServer(async (req, res) => {
    try {
      res.end(JSON.stringify(await control.answer(req.url as string)))
    } catch (error) {
      res.writeHead(500).end(String((error as Error).stack))
    }
  })
  console.log(JSON.stringify({ control: await listening(server) }))
}

async function raise(target: NodeTarget, setup: Setup & { transport: Transport }): Promise<Show> {
  const stage = new Stage(setup, new PromisedGates())
  const connections = new Set<Socket>()
  const server = await target(stage, (listener) => makeServer(setup, listener as RequestListener))
  server.on('connection', (socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
  })
  const ends = { h1: 'connection', tls: 'secureConnection', h2c: 'stream', h2s: 'stream' }[setup.transport]
  server.on(ends, (end) => end.on('close', () => stage.gone++))
  if (setup.upgrades) {
    server.on('upgrade', (_req, socket) => {
      socket.on('error', () => {})
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: test\r\n\r\n')
    })
  }
  return {
    stage,
    port: await listening(server),
    commands: {
      close: () => server.close(() => stage.mark('closed')),
      closeAllConnections: () => server.closeAllConnections(),
      end: () => {
        server.close()
        for (const socket of connections) socket.destroy()
      },
    },
  }
}

function makeServer(
  { transport, server: options = {} }: Setup & { transport: Transport },
  listener: RequestListener,
): Server {
  if (transport === 'h1') return createServer(options, listener)
  if (transport === 'tls') return createHttps({ cert, key, ...options }, listener)
  const http2 = listener as unknown as Parameters<typeof createHttp2>[1]
  const server: Http2Server =
    transport === 'h2c' ? createHttp2(options, http2) : createSecureServer({ cert, key, ...options }, http2)
  return server as unknown as Server
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}
