import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { describeWithRedis } from './available.ts'
import { LEASE, newName, ripe } from './crew.ts'
import { Server } from './servers.ts'

describeWithRedis('A limiter that is closed after its client', () => {
  let server: Server

  beforeAll(async () => {
    server = await Server.start()
    await ripe(LEASE, server)
  })

  afterAll(() => server.close())

  async function leave(kind: string, inUse: string): Promise<[printed: string, code: unknown]> {
    const script = fileURLToPath(new URL('./close-late.ts', import.meta.url))
    const args = ['--import', 'tsx', script, kind, String(server.port), newName(), inUse]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
    return [printed.trim(), code]
  }

  describe.each(['ioredis 6', 'node-redis with RESP3'])('of %s', (kind) => {
    test('keeps the process until it is closed, so that what comes after is done', async () => {
      expect(await leave(kind, 'idle')).toEqual(['closed', 0])
    })

    test('keeps no process for a permit that is never released', async () => {
      expect(await leave(kind, 'in use')).toEqual(['left', 0])
    })
  })
})
