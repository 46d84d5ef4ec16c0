import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Worker } from 'node:worker_threads'
import { BoundedSemaphore } from '@lineclear/core'
import { limit } from '@lineclear/node'
import { afterEach, expect, it } from 'vitest'
import { certificate } from './certificate.ts'
import { until } from './helpers.ts'

// A client in a thread of its own: it sends its request with the end of the handshake and resets the
// connection at once, all while the server's thread stands still.
const client = `
  const { workerData: { port, reset } } = require('node:worker_threads')
  const { connect } = require('node:net')
  const tls = require('node:tls')
  const tcp = connect({ port, host: '127.0.0.1', noDelay: true })
  const socket = tls.connect({ socket: tcp, rejectUnauthorized: false })
  for (const each of [tcp, socket]) each.on('error', () => {})
  socket.write('GET / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
  socket.on('secureConnect', () => setTimeout(() => {
    tcp.resetAndDestroy()
    Atomics.store(reset, 0, 1)
    Atomics.notify(reset, 0)
  }, 10))
`

let server: Server
let worker: Worker

afterEach(async () => {
  await worker.terminate()
  server.close()
})

it('frees the permit of a client that resets a TLS connection as the handshake ends', async () => {
  const limiter = new BoundedSemaphore(1)
  let served = 0
  const listener = limit({ limiter })((_req: IncomingMessage, res: ServerResponse) => {
    served++
    setImmediate(() => res.write('Never to arrive.'))
  })
  const reset = new Int32Array(new SharedArrayBuffer(4))
  server = createServer(certificate, listener)
  // Asked after the handshake, and before the client is sent its session tickets.
  server.on('newSession', (_id, _data, go) => {
    Atomics.wait(reset, 0, 0, 5000)
    go()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  worker = new Worker(client, { eval: true, workerData: { port, reset } })
  await until(() => served === 1)
  expect(limiter.inUse).toBe(1)
  await limiter.drain()
})
