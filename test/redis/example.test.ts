import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type RunningExample, startExample } from '../../examples/tour/server.ts'
import { describeWithRedis } from './available.ts'
import { Server } from './servers.ts'
import { until } from './until.ts'

describeWithRedis('the example redis', () => {
  let server: Server
  let example: RunningExample
  const lines: string[] = []

  beforeEach(async () => {
    lines.length = 0
    server = await Server.start()
    vi.stubEnv('REDIS_URL', server.url)
    example = await startExample('redis', '0', (line) => lines.push(line))
    vi.unstubAllEnvs()
    // A server that has just been started grants nothing for a lease.
    await get('/job/first')
    await until('both processes know of each other', async () => {
      await Promise.all([get('/status'), get('/status'), get('/job/again')])
      return (await status()).processes === 2
    })
    lines.length = 0
  })

  afterEach(async () => {
    await example.stop()
    await server.close()
  })

  async function get(path: string): Promise<[status: number, text: string]> {
    const response = await fetch(`${example.url}${path}`, { headers: { connection: 'close' } })
    return [response.status, await response.text()]
  }

  async function status(): Promise<Record<string, number>> {
    return JSON.parse((await get('/status'))[1])
  }

  /** Of the jobs in the order they were printed, how many were inside at most. */
  function mostAtOnce(): number {
    let inside = 0
    return Math.max(...lines.map((line) => (line.includes(' begins in ') ? ++inside : --inside)))
  }

  test('works on two jobs at once in two processes, on all six in the end', async () => {
    const jobs = ['1', '2', '3', '4', '5', '6'].map((name) => get(`/job/${name}`))
    expect((await Promise.all(jobs)).map(([status]) => status)).toEqual([200, 200, 200, 200, 200, 200])
    await until('all is printed', () => lines.length === 12)
    expect(mostAtOnce()).toBe(2)
    expect(new Set(lines.map((line) => line.split(' ').at(-1))).size).toBe(2)
    await until('all permits are back', async () => (await status()).inUse === 0)
  })

  test('ends its work when it is told to stop, and leaves nothing in use', async () => {
    const jobs = Array.from({ length: 12 }, (_, name) => get(`/job/${name}`))
    await until('some wait', async () => Number((await status()).waiting) > 0)
    await example.stop()
    const statuses = (await Promise.all(jobs)).map(([status]) => status)
    const served = statuses.filter((status) => status === 200).length
    expect(statuses.filter((status) => status === 503)).toHaveLength(12 - served)
    expect(served).toBeGreaterThanOrEqual(2)
    expect(served).toBeLessThan(12)
    await until('all is printed', () => lines.length === 2 * served)
    expect(await server.ask('ZCARD', '{lineclear:jobs}:e')).toBe(0)
  })
})
