import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { RedisLimiter } from '@lineclear/redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { main } from '../../packages/redis/src/cli/main.ts'
import { describeWithRedis } from './available.ts'
import { type ClientKind, clientKinds } from './clients.ts'
import { Cluster } from './cluster.ts'
import { Crew, newName, ripe } from './crew.ts'
import { TcpProxy } from './proxy.ts'
import { Server } from './servers.ts'
import { expectNoUnhandledError, twoClients } from './suite.ts'
import { until } from './until.ts'

expectNoUnhandledError()

const LEASE = 800
const [ioredis, , , nodeRedis] = clientKinds as [ClientKind, ClientKind, ClientKind, ClientKind]

interface Ran {
  status: number
  out: string
  err: string
}

async function cli(url: string, ...args: string[]): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []]
  const status = await main(
    [...args, '--url', url],
    (text) => out.push(text),
    (text) => err.push(text),
  )
  return { status, out: out.join('\n'), err: err.join('\n') }
}

describeWithRedis('What Redis knows of a limit', () => {
  let server: Server
  let crew: Crew

  beforeAll(async () => {
    server = await Server.start()
    await ripe(LEASE, server)
  })

  afterAll(() => server.close())

  const clients = twoClients(() => ioredis.standalone(server.port))

  const join = (options: ConstructorParameters<typeof Crew>[0] = {}): [RedisLimiter, RedisLimiter] => {
    crew = new Crew({ lease: LEASE, answerWithin: LEASE / 2, limit: 3, queue: 7, ...options })
    const [first, second] = clients()
    return [crew.join(first), crew.join(second)]
  }

  afterEach(() => crew.end())

  /** A process that has died: its heart beats no more, and nothing was said. */
  const dead = async (name: string, held: number): Promise<void> => {
    const proxy = await TcpProxy.start(server.port)
    const { client, end } = await ioredis.standalone(proxy.port)
    const its = new Crew({ lease: LEASE, answerWithin: LEASE / 2 })
    const limiter = its.join({ client, end }, { name, limit: 3, queue: 7 })
    for (let i = 0; i < held; i++) await its.ask(limiter).settled
    proxy.hold()
    proxies.push(async () => {
      await its.end()
      end()
      await proxy.close()
    })
  }
  const proxies: (() => Promise<void>)[] = []
  afterAll(async () => {
    for (const end of proxies) await end()
  })

  describe('stats()', () => {
    test('tells what all processes have, and each', async () => {
      const [here, there] = join()
      const unused = { limit: 3, queue: 7, inUse: 0, waiting: 0, learning: 0, instances: [] }
      expect(await here.stats()).toEqual(unused)
      await crew.ask(here, { weight: 2 }).settled
      await crew.ask(there).settled
      crew.ask(there)
      await crew.waiting(1)
      for (const limiter of [here, there]) {
        const { instances, ...rest } = await limiter.stats()
        expect(rest).toEqual({ limit: 3, queue: 7, inUse: 3, waiting: 1, learning: 0 })
        expect(instances.map(({ inUse, waiting }) => [inUse, waiting]).sort()).toEqual([
          [1, 1],
          [2, 0],
        ])
        for (const { instance, leaseLeft } of instances) {
          expect(instance).toMatch(new RegExp(`^[\\w-]+-${process.pid}-[0-9a-f]{8}$`))
          expect(leaseLeft).toBeGreaterThan(0)
          expect(leaseLeft).toBeLessThanOrEqual(LEASE)
        }
      }
    })

    test('tells of one key', async () => {
      const [here, there] = join({ perKey: true })
      await crew.ask(here, { key: 'a', weight: 2 }).settled
      await crew.ask(there, { key: 'b' }).settled
      await crew.ask(there).settled
      const used = async (key?: string): Promise<number> => (await here.stats(key)).inUse
      expect([await used('a'), await used('b'), await used('c'), await used()]).toEqual([2, 1, 0, 1])
      expect([here.inUse, there.inUse]).toEqual([2, 2])
      await expect(here.stats(5 as unknown as string)).rejects.toThrow('key must be a string; received 5')
    })

    test('counts the permits of a dead process until its lease has ended, and no longer', async () => {
      const [here] = join()
      await dead(crew.name, 2)
      expect((await here.stats()).inUse).toBe(2)
      // Nobody has sent a request that would have taken them back.
      await crew.used(0)
      expect((await here.stats()).instances).toEqual([])
    })

    test('tells for how long nothing is granted yet', async () => {
      const fresh = await Server.start()
      const client = await ioredis.standalone(fresh.port)
      const [limiter] = [new Crew({ lease: 5000 }).join(client)]
      const asked = limiter.acquire()
      await until('it has asked', async () => (await limiter.stats()).learning > 0)
      const { learning, waiting } = await limiter.stats()
      expect(learning).toBeLessThanOrEqual(5000)
      expect(waiting).toBe(1)
      const closed = limiter.close()
      await expect(asked).rejects.toMatchObject({ reason: 'closed' })
      await closed
      await client.end()
      await fresh.close()
    })

    test('rejects with what the client says, when Redis is gone', async () => {
      const [limiter] = join()
      const client = await nodeRedis.standalone(server.port)
      await client.end()
      await expect(crew.join(client).stats()).rejects.toThrow(Error)
      expect(limiter.inUse).toBe(0)
    })
  })

  describe('the command', () => {
    test('inspects', async () => {
      const [here, there] = join()
      await crew.ask(here, { weight: 2 }).settled
      await crew.ask(there).settled
      crew.ask(there)
      await crew.waiting(1)
      const { status, out, err } = await cli(server.url, 'inspect', crew.name)
      expect([status, err]).toEqual([0, ''])
      const lines = out.split('\n')
      expect(lines[0]).toBe(`${crew.name}: 3 of 3 in use, 1 waiting (at most 7)`)
      expect(lines[2]).toMatch(/^instance +in use {2}waiting {2}lease left$/)
      expect(
        lines
          .slice(3)
          .map((line) => line.split(/ +/).slice(1, 3))
          .sort(),
      ).toEqual([
        ['1', '1'],
        ['2', '0'],
      ])
      const json = await cli(server.url, 'inspect', crew.name, '--json')
      expect(JSON.parse(json.out)).toMatchObject({ limit: 3, inUse: 3, waiting: 1, instances: [{}, {}] })
    })

    test('sets the limit, for all', async () => {
      const [here, there] = join({ onDisagreement: () => {} })
      await crew.ask(here, { weight: 3 }).settled
      const waiter = crew.ask(there)
      await crew.waiting(1)
      const { status, out } = await cli(server.url, 'limit', crew.name, '4')
      expect([status, out.split('\n')[0]]).toEqual([0, expect.stringContaining('of 4 in use')])
      expect(await waiter.settled).toBe('permit')
      await until('both know', () => here.limit === 4 && there.limit === 4)
    })

    test('drains, and gives up in time', async () => {
      const [here, there] = join({ onDisagreement: () => {} })
      const held = crew.ask(here, { weight: 2 })
      await held.settled
      const tooLate = await cli(server.url, 'drain', crew.name, '--timeout', '0')
      expect([tooLate.status, tooLate.out]).toEqual([1, 'the limit was 3'])
      expect(tooLate.err).toBe('lineclear-redis: 2 are still in use; the limit stays 0')
      const waiter = crew.ask(there)
      await crew.waiting(1)
      const drained = cli(server.url, 'drain', crew.name, '--timeout', '10')
      await crew.quiet()
      held.release()
      const { status, out } = await drained
      expect([status, out.split('\n').slice(0, 2)]).toEqual([
        0,
        ['the limit was 0', `${crew.name}: 0 of 0 in use, 1 waiting (at most 7)`],
      ])
      expect(waiter.outcome).toBe('pending')
      await cli(server.url, 'limit', crew.name, '1')
      expect(await waiter.settled).toBe('permit')
    })

    test('drains a process that takes its permits locally as fast as it gives them back', async () => {
      const [here] = join({ mode: 'local-first', onDisagreement: () => {} })
      let turns = 0
      let isOver = false
      const busy = (async () => {
        while (!isOver) {
          const permit = here.tryAcquire() ?? (await here.acquire({ timeout: 0 }).catch(() => undefined))
          if (permit !== undefined) turns++
          await new Promise((resolve) => setTimeout(resolve, 1))
          permit?.release()
        }
      })()
      await until('it is busy', () => turns > 10)
      expect((await cli(server.url, 'drain', crew.name, '--timeout', '10')).status).toBe(0)
      isOver = true
      await busy
    })

    test('drains what a dead process had, once its lease has ended', async () => {
      join()
      await dead(crew.name, 2)
      expect((await cli(server.url, 'drain', crew.name, '--timeout', '10')).status).toBe(0)
    })

    test('frees what a dead process holds, at once', async () => {
      const name = newName()
      await dead(name, 3)
      const [here] = join({ name })
      const waiter = crew.ask(here)
      await crew.waiting(1)
      const { instances } = await here.stats()
      const { instance } = instances.find(({ inUse }) => inUse === 3) as (typeof instances)[0]
      const { status, out } = await cli(server.url, 'free', name, instance)
      expect([status, out]).toEqual([0, `${instance} has no permits of ${name} any more`])
      expect(await waiter.settled).toBe('permit')
      const again = await cli(server.url, 'free', name, instance)
      expect([again.status, again.err]).toEqual([
        1,
        `lineclear-redis: there is no instance ${instance} of ${name}`,
      ])
    })

    test('frees what a live process holds, which is told', async () => {
      const lost: unknown[] = []
      const [here, there] = join({ onLost: (event) => lost.push(event) })
      const { signal } = await crew.ask(here, { weight: 2 }).permit
      const { instances } = await here.stats()
      await cli(server.url, 'free', crew.name, instances[0]?.instance as string)
      await crew.ask(there).settled
      await until('it is told', () => signal.aborted)
      expect(lost).toEqual([{ permits: 1 }])
      // It reports what it still holds.
      await crew.used(3)
    })

    test('knows keys and namespaces', async () => {
      const [here] = join({ perKey: true, namespace: 'another' })
      await crew.ask(here, { key: 'a b' }).settled
      await crew.ask(here, { weight: 2 }).settled
      const inspect = async (...args: string[]): Promise<string> => {
        const { out, err } = await cli(server.url, 'inspect', crew.name, '--namespace', 'another', ...args)
        return (out || err).split('\n')[0] as string
      }
      expect(await inspect('--key', 'a b')).toContain('1 of 3 in use')
      expect(await inspect('--key', '')).toContain('2 of 3 in use')
      expect(await inspect('--key', 'c')).toBe(
        `lineclear-redis: nobody has used {another:${crew.name}|0} with the key c`,
      )
      expect(await inspect()).toBe(`lineclear-redis: nobody has used {another:${crew.name}}`)
      for (const command of [
        ['limit', 'none', '5'],
        ['drain', 'none'],
        ['inspect', 'none'],
      ])
        expect((await cli(server.url, ...command)).status).toBe(1)
    })

    test.each([
      [[], /^lineclear-redis: look at/],
      [['inspect'], /^lineclear-redis: look at/],
      [['inspect', 'a', 'b'], /^lineclear-redis: look at/],
      [['toString', 'a'], /^lineclear-redis: look at/],
      [['limit', 'a'], /^lineclear-redis: look at/],
      [['limit', 'a', '-1'], /-1/],
      [['limit', 'a', '1.5'], /permits must be a whole number of at least 0; received 1.5$/],
      [['limit', 'a', '99999999999999999'], /permits must be a whole number/],
      [['drain', 'a', '--timeout', 'soon'], /--timeout must be a whole number of at least 0; received soon$/],
      [['drain', 'a', '--json'], /--json is for inspect$/],
      [['inspect', 'a', '--timeout', '5'], /--timeout is for drain$/],
      [['inspect', 'a', '--colour'], /colour/],
    ])('refuses %j', async (args, message) => {
      const { status, out, err } = await cli(server.url, ...args)
      expect([status, out, err]).toEqual([2, '', expect.stringMatching(message)])
      crew = new Crew()
    })

    test('helps', async () => {
      crew = new Crew()
      const { status, out } = await cli(server.url, '--help')
      expect([status, out]).toEqual([0, expect.stringContaining('lineclear-redis drain <name>')])
    })

    test('ends by itself where there is no server, or a silent one', async () => {
      crew = new Crew()
      const proxy = await TcpProxy.start(server.port)
      proxy.hold()
      const results = await Promise.all([
        bin('inspect', 'a', '--url', 'redis://127.0.0.1:1'),
        bin('inspect', 'a', '--url', 'redis://127.0.0.1:1', '--cluster'),
        bin('inspect', 'a', '--url', `redis://127.0.0.1:${proxy.port}`),
        bin('inspect', 'a', '--url', `redis://127.0.0.1:${proxy.port}`, '--cluster'),
      ])
      for (const { status, out, err } of results)
        expect([status, out, err]).toEqual([1, '', expect.stringMatching(/^lineclear-redis: .+\n$/)])
      await proxy.close()
    })
  })
})

describeWithRedis('The command on a cluster', () => {
  let cluster: Cluster
  let crew: Crew

  beforeAll(async () => {
    cluster = await Cluster.start()
    await ripe(LEASE, ...cluster.masters)
  })

  afterAll(() => cluster.close())

  const clients = twoClients(() => nodeRedis.cluster?.(cluster.roots))

  beforeEach(() => {
    crew = new Crew({
      lease: LEASE,
      answerWithin: LEASE / 2,
      limit: 3,
      perKey: true,
      onDisagreement: () => {},
    })
  })

  afterEach(() => crew.end())

  test('finds each key, and frees a process of all it has', async () => {
    const [first, second] = clients()
    const [here, there] = [crew.join(first), crew.join(second)]
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    const permits = await Promise.all(keys.map((key) => crew.ask(here, { key, weight: 3 }).permit))
    const { url } = cluster.masters[0] as Server
    for (const key of keys) {
      const { out } = await cli(url, 'inspect', crew.name, '--cluster', '--key', key, '--json')
      expect(JSON.parse(out).inUse).toBe(3)
    }
    await cli(url, 'limit', crew.name, '4', '--cluster', '--key', 'c')
    expect(await crew.ask(there, { key: 'c' }).settled).toBe('permit')
    const { instances } = await here.stats('a')
    const { instance } = instances.find(({ inUse }) => inUse === 3) as (typeof instances)[0]
    expect((await cli(url, 'free', crew.name, instance, '--cluster', '--key', '')).status).toBe(0)
    await until('each bucket has told it', () => permits.every(({ signal }) => signal.aborted))
    const { status } = await cli(url, 'free', crew.name, 'nobody', '--cluster', '--key', '')
    expect(status).toBe(1)
  })
})

/** As npm would start it. */
function bin(...args: string[]): Promise<Ran> {
  const file = fileURLToPath(new URL('../../packages/redis/src/cli/bin.ts', import.meta.url))
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', file, ...args], { timeout: 15_000 }, (error, out, err) => {
      resolve({ status: error === null ? 0 : Number(error.code ?? -1), out, err })
    })
  })
}
