import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { describeWithRedis } from './available.ts'
import { type ClientKind, clientKinds } from './clients.ts'
import { Cluster } from './cluster.ts'
import { Crew, ripe } from './crew.ts'
import { Server } from './servers.ts'
import { expectNoUnhandledError, twoClients } from './suite.ts'
import { until } from './until.ts'

expectNoUnhandledError()

const LEASE = 900
const [ioredis] = clientKinds as [ClientKind]
const keysOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `key ${index}`)

describeWithRedis('A redisLimiter per key', () => {
  let server: Server
  let crew: Crew

  beforeAll(async () => {
    server = await Server.start()
    await ripe(LEASE, server)
  })

  afterAll(() => server.close())

  const clients = twoClients(() => ioredis.standalone(server.port))

  const make = (options: ConstructorParameters<typeof Crew>[0] = {}) => {
    crew = new Crew({ lease: LEASE, answerWithin: LEASE / 2, limit: 2, perKey: true, ...options })
    const [first, second] = clients()
    return [crew.join(first), crew.join(second)] as const
  }

  afterEach(() => crew.end())

  const requests = async (): Promise<number> => {
    const { cmdstat_evalsha = '', cmdstat_eval = '' } = await server.info('commandstats')
    const calls = (text: string): number => Number(/calls=(\d+)/.exec(text)?.[1] ?? 0)
    return calls(cmdstat_evalsha) + calls(cmdstat_eval)
  }

  test('has the limit and the queue for each, and one for all without', async () => {
    const [here, there] = make({ queue: 1 })
    for (const key of ['a', 'b', undefined]) {
      for (const limiter of [here, there]) expect(await crew.ask(limiter, { key }).settled).toBe('permit')
    }
    // The empty key is none.
    const waiters = ['a', 'b', ''].map((key) => crew.ask(here, { key }))
    for (const key of ['a', 'b', undefined]) {
      await until('it waits', async () => (await here.stats(key)).waiting === 1)
      expect(await crew.ask(there, { key }).settled).toBe('full')
    }
    expect(waiters.map(({ outcome }) => outcome)).toEqual(['pending', 'pending', 'pending'])
    expect([here.inUse, here.waiting, there.inUse]).toEqual([3, 3, 3])
  })

  test('ignores keys unless told to have them', async () => {
    const [here] = make({ perKey: false, limit: 1 })
    await crew.ask(here, { key: 'a' }).settled
    expect(await crew.ask(here, { key: 'b', timeout: 0 }).settled).toBe('timeout')
  })

  test('asks for many keys at once', async () => {
    const [here] = make()
    await crew.ask(here).settled
    await crew.quiet()
    const before = await requests()
    const asked = keysOf(100).map((key) => crew.ask(here, { key }))
    for (const { settled } of asked) expect(await settled).toBe('permit')
    // One, and a heartbeat or an answer to what came up meanwhile.
    expect((await requests()) - before).toBeLessThanOrEqual(3)
  })

  test('waits with a time-out of 0 for the answer about its own key, also where one request has no room', async () => {
    const [here] = make()
    const asked = keysOf(500).map((key) => crew.ask(here, { key, timeout: 0 }))
    for (const { settled } of asked) expect(await settled).toBe('permit')
    const full = keysOf(500).map((key) => crew.ask(here, { key, weight: 2, timeout: 0 }))
    for (const { settled } of full) expect(await settled).toBe('timeout')
    expect(here.waiting).toBe(0)
  })

  test('waits with a time-out of 0 for its answer behind a thousand others', async () => {
    const [here] = make({ perKey: false, limit: 3000, queue: Infinity })
    const asked = Array.from({ length: 2500 }, () => crew.ask(here, { timeout: 0 }))
    for (const { settled } of asked) expect(await settled).toBe('permit')
  })

  test('has one heartbeat for all', async () => {
    const [here] = make()
    for (const { settled } of keysOf(50).map((key) => crew.ask(here, { key }))) await settled
    await crew.quiet()
    const before = await requests()
    const start = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 1.5 * LEASE))
    const beats = (performance.now() - start) / (LEASE / 3)
    const seen = (await requests()) - before
    expect(seen).toBeGreaterThanOrEqual(3)
    expect(seen).toBeLessThanOrEqual(beats + 2)
  })

  test('leaves nothing of an idle key', async () => {
    const [here, there] = make({ mode: 'local-first' })
    const asked = keysOf(200).map((key, index) => crew.ask(index % 2 ? here : there, { key }))
    for (const { settled } of asked) await settled
    const left = async () =>
      ((await server.ask('KEYS', `{lineclear:${crew.name}|0}*`)) as string[]).map((key) => key.slice(-2))
    expect((await left()).length).toBeGreaterThan(200)
    for (const request of asked) request.release()
    await until('all are forgotten', async () => (await left()).length <= 2)
    expect((await left()).sort()).toEqual([':e', ':m'])
  })

  test('tells of another limit once, not with each key that comes and goes', async () => {
    const told = vi.fn()
    const [here, there] = make({ onDisagreement: told })
    await crew.ask(here).settled
    const other = crew.join(clients()[1], { limit: 5 })
    await crew.ask(other).settled
    for (const key of ['a', 'b', 'a', 'b']) {
      const [first, second] = [crew.ask(other, { key }), undefined]
      await first.settled
      const permit = await there.acquire({ key })
      permit.release()
      first.release()
      expect(second).toBeUndefined()
      await until('it is forgotten', async () =>
        (await here.stats(key)).instances.every(({ inUse }) => !inUse),
      )
    }
    const theirs = told.mock.calls.filter(([{ asked }]) => asked.limit === 2)
    // Once by each of the two that asked for 2.
    expect(theirs.length).toBeLessThanOrEqual(2)
    expect(theirs[0]?.[0]).toMatchObject({ asked: { limit: 2 }, holds: { limit: 5 } })
  })
})

describeWithRedis('A redisLimiter per key on a cluster', () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await Cluster.start()
  })

  afterAll(() => cluster.close())

  const clients = twoClients(() => ioredis.cluster?.(cluster.roots))

  test('has its keys on all nodes, and tells once when all of them are down', async () => {
    const [degraded, recovered] = [vi.fn(), vi.fn()]
    const crew = new Crew({
      ...{ lease: LEASE, answerWithin: LEASE / 2, limit: 1, perKey: true },
      ...{ onDegraded: degraded, onRecovered: recovered },
    })
    const [first, second] = clients()
    const [here, there] = [crew.join(first), crew.join(second)]
    const keys = keysOf(64)
    for (const { settled } of keys.map((key) => crew.ask(here, { key }))) expect(await settled).toBe('permit')
    for (const master of cluster.masters) {
      expect(((await master.ask('KEYS', `{lineclear:${crew.name}|*`)) as string[]).length).toBeGreaterThan(2)
    }
    const late = keys.map((key) => crew.ask(there, { key, timeout: 0 }))
    for (const { settled } of late) expect(await settled).toBe('timeout')
    for (const master of cluster.masters) master.pause()
    await until('all are down', () => here.isDegraded && there.isDegraded)
    await new Promise((resolve) => setTimeout(resolve, LEASE))
    for (const master of cluster.masters) master.resume()
    await until('all are up', () => !here.isDegraded && !there.isDegraded)
    expect([degraded, recovered].map(({ mock }) => mock.calls.length)).toEqual([2, 2])
    await crew.end()
  })
})
