import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { portFor } from '../../packages/redis/src/port.ts'
import { scriptOf } from '../../packages/redis/src/run-script.ts'
import { describeWithServers } from './available.ts'
import { type ClientKind, clientKinds, type UsersClient } from './clients.ts'
import { Cluster } from './cluster.ts'
import { Ear } from './ear.ts'
import type { Server } from './servers.ts'
import { expectNoUnhandledError } from './suite.ts'
import { until } from './until.ts'

const count = scriptOf("return redis.call('INCR', KEYS[1])")
const say = scriptOf("return redis.call('PUBLISH', ARGV[1], ARGV[2])")

// One on each of the three masters.
const KEYS = ['{a}:n', '{b}:n', '{c}:n']

type OfCluster = ClientKind & { cluster: NonNullable<ClientKind['cluster']> }
const kinds = clientKinds.filter((kind): kind is OfCluster => kind.cluster !== undefined)

expectNoUnhandledError()

describeWithServers('The port of a cluster', ['redis', 'valkey'], (server) => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await Cluster.start({ kind: server, replicas: 1 })
  })

  afterAll(() => cluster.close())

  const listening = async (): Promise<Server[]> => {
    const found: Server[] = []
    for (const node of cluster.nodes) {
      for (const _ of await node.clients('pubsub')) found.push(node)
    }
    return found
  }

  describe.each(kinds)('with $name', (kind) => {
    let users: UsersClient

    beforeEach(async () => {
      for (const master of cluster.masters) await master.ask('FLUSHALL')
      users = await kind.cluster(cluster.roots)
    })

    afterEach(async () => {
      await users.end()
      await until('nobody listens any more', async () => (await listening()).length === 0)
    })

    test('runs scripts on the master of their keys, by SHA and by text for each', async () => {
      const port = portFor(users.client)
      await cluster.flushScripts()
      const all = () => Promise.all([...KEYS, ...KEYS].map((key) => port.run(count, [key], [])))
      expect((await all()).toSorted()).toEqual([1, 1, 1, 2, 2, 2])
      await cluster.masters[1]?.flushScripts()
      expect((await all()).toSorted()).toEqual([3, 3, 3, 4, 4, 4])
    })

    test('hears on one connection what is published on any node', async () => {
      const port = portFor(users.client)
      const [one, two] = [new Ear(port, 'one'), new Ear(port, 'two')]
      await Promise.all([one.standsAgain(0), two.standsAgain(0)])
      expect(await listening()).toHaveLength(1)
      for (const key of KEYS) {
        await port.run(say, [key], ['one', key])
        await one.heard(key)
      }
      expect(two.messages).toEqual([])
      for (const node of await listening()) await node.killClients('pubsub')
      await Promise.all([one.standsAgain(1), two.standsAgain(1)])
      await port.run(say, ['{a}:n'], ['two', 'again'])
      await two.heard('again')
      expect(await listening()).toHaveLength(1)
      one.stop()
      two.stop()
    })
  })

  test('with any client goes on after a failover of the node that it listens to', async () => {
    const clients = await Promise.all(kinds.map((kind) => kind.cluster(cluster.roots)))
    const ports = clients.map(({ client }) => portFor(client))
    const ears = ports.map((port) => new Ear(port, 'news'))
    await Promise.all(ears.map((ear) => ear.standsAgain(0)))
    const before = ears.map(({ subscribed }) => subscribed)
    const lost = (await listening())[0] as Server
    const theirs = (await lost.clients('pubsub')).length
    await cluster.failOver(lost)
    // Those that listened to another node lost nothing.
    await until('those that listened to it listen to another', () => {
      return ears.filter((ear, index) => ear.subscribed > (before[index] ?? 0)).length >= theirs
    })
    expect(await Promise.all(ears.map((ear) => ear.standsAgain(0)))).toHaveLength(kinds.length)
    for (const port of ports) {
      for (const key of KEYS) {
        await until('the script runs again', async () => (await port.run(count, [key], [])) !== undefined)
      }
    }
    // The bus may lose what is published while the cluster settles.
    await until('all hear again', async () => {
      await ports[0]?.run(say, ['{a}:n'], ['news', 'hello'])
      return ears.every(({ messages }) => messages.includes('hello'))
    })
    for (const ear of ears) ear.stop()
    for (const { end } of clients) await end()
  }, 40_000)
})
