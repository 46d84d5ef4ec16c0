import { LeaseLostError, type RedisLimiter } from '@lineclear/redis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { describeWithRedis } from './available.ts'
import { type ClientKind, clientKinds, type UsersClient } from './clients.ts'
import { Crew } from './crew.ts'
import { TcpProxy } from './proxy.ts'
import { Server } from './servers.ts'
import { expectNoUnhandledError } from './suite.ts'
import { until } from './until.ts'

expectNoUnhandledError()

const LEASE = 800
const [ioredis] = clientKinds as [ClientKind]

describeWithRedis('A lease that is lost', () => {
  let server: Server
  let proxy: TcpProxy
  let crew: Crew
  let clients: UsersClient[]
  /** Behind the proxy. */
  let here: RedisLimiter
  let there: RedisLimiter
  const lost = vi.fn()

  beforeAll(async () => {
    server = await Server.start()
    proxy = await TcpProxy.start(server.port)
  })

  afterAll(async () => {
    await proxy.close()
    await server.close()
  })

  beforeEach(async () => {
    lost.mockClear()
    clients = [await ioredis.standalone(proxy.port), await ioredis.standalone(server.port)]
    const [first, second] = clients as [UsersClient, UsersClient]
    // It hands out nothing by itself, so that all permits are Redis's.
    crew = new Crew({ lease: LEASE, answerWithin: LEASE / 2, limit: 3, localLimit: 0, onLost: lost })
    here = crew.join(first)
    there = crew.join(second)
  })

  afterEach(async () => {
    proxy.resume()
    await crew.end()
    for (const client of clients) await client.end()
  })

  const gone = () => until('the lease is lost', () => lost.mock.calls.length > 0)

  test('aborts the signals of the permits in use, which count until they are released', async () => {
    const requests = [crew.ask(here), crew.ask(here), crew.ask(here)]
    const permits = await Promise.all(requests.map(({ permit }) => permit))
    const [first, second, third] = permits as [(typeof permits)[0], (typeof permits)[0], (typeof permits)[0]]
    const { signal } = first
    const reasons: unknown[] = []
    signal.addEventListener('abort', () => reasons.push(signal.reason))
    const releasedBefore = third.signal
    third.release()
    expect([signal.aborted, first.signal === signal]).toEqual([false, true])
    await crew.used(2)
    proxy.hold()
    await gone()
    expect(lost.mock.calls).toEqual([[{ permits: 2 }]])
    expect(reasons).toEqual([expect.any(LeaseLostError)])
    expect((reasons[0] as Error).name).toBe('LeaseLostError')
    // Asked for only now.
    expect([second.signal.aborted, second.signal.reason]).toEqual([true, expect.any(LeaseLostError)])
    expect([releasedBefore.aborted, third.signal.aborted]).toEqual([false, false])
    expect(here.inUse).toBe(2)

    const fresh = [crew.ask(there), crew.ask(there), crew.ask(there)]
    for (const request of fresh) {
      expect(await request.settled).toBe('permit')
      const { fence } = await request.permit
      for (const permit of permits) expect(fence).toBeGreaterThan(permit.fence as number)
    }
    proxy.resume()
    // All five are in use, and Redis knows.
    await crew.used(5)
    const late = crew.ask(there)
    await crew.waiting(1)
    for (const request of fresh.slice(0, 2)) request.release()
    await crew.used(3)
    expect(late.outcome).toBe('pending')
    first.release()
    expect(await late.settled).toBe('permit')
    first.release()
    second.release()
    await crew.used(2)
    expect([here.inUse, lost.mock.calls.length]).toEqual([0, 1])
    // What is asked for now is held under a lease of its own.
    const next = crew.ask(here)
    expect(await next.settled).toBe('permit')
    expect((await next.permit).signal.aborted).toBe(false)
  })

  test('is lost as well when the server is paused, and once only', async () => {
    const permit = await crew.ask(here).permit
    server.pause()
    await gone()
    expect(permit.signal.aborted).toBe(true)
    server.resume()
    await crew.used(1)
    expect(lost.mock.calls).toEqual([[{ permits: 1 }]])
  })

  test('is told of once for each permit, though another is lost later', async () => {
    await crew.ask(here).permit
    proxy.hold()
    await gone()
    proxy.resume()
    await crew.used(1)
    const [first, second] = await Promise.all([crew.ask(here).permit, crew.ask(here).permit])
    proxy.hold()
    await until('it is lost again', () => lost.mock.calls.length === 2)
    expect(lost.mock.calls).toEqual([[{ permits: 1 }], [{ permits: 2 }]])
    expect([first?.signal.aborted, second?.signal.aborted]).toEqual([true, true])
  })

  test('is told to whoever listens although the listener of one releases another', async () => {
    const [first, second] = await Promise.all([crew.ask(here).permit, crew.ask(here).permit])
    const signal = second?.signal
    first?.signal.addEventListener('abort', () => {
      first.release()
      second?.release()
    })
    await crew.used(2)
    proxy.hold()
    await gone()
    expect([here.inUse, signal?.aborted]).toEqual([0, false])
    proxy.resume()
    await crew.used(0)
  })

  test('leaves those who wait in the queue, to be served when Redis is back', async () => {
    const [first, second] = clients as [UsersClient, UsersClient]
    const crew = new Crew({ lease: LEASE, answerWithin: LEASE / 2, limit: 3, localLimit: 1, onLost: lost })
    const [here, there] = [crew.join(first), crew.join(second)]
    const [own, held] = [await crew.ask(here).permit, await crew.ask(there, { weight: 2 }).permit]
    const waiter = crew.ask(here)
    await crew.waiting(1)
    proxy.hold()
    await until('it is out of the queue', async () => (await there.stats()).waiting === 0)
    held.release()
    // What it may give out by itself is in use.
    expect(waiter.outcome).toBe('pending')
    proxy.resume()
    expect(await waiter.settled).toBe('permit')
    expect(lost).toHaveBeenCalledTimes(1)
    own.release()
    await crew.end()
  })

  test('is not lost as long as heartbeats pass', async () => {
    const { signal } = await crew.ask(here).permit
    await new Promise((resolve) => setTimeout(resolve, 2 * LEASE))
    expect([signal.aborted, lost.mock.calls.length]).toEqual([false, 0])
    expect((await there.stats()).inUse).toBe(1)
  })
})
