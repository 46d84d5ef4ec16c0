import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createClient, createSentinel, RESP_TYPES } from 'redis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { portFor, type RedisClient } from '../../packages/redis/src/port.ts'
import { scriptOf } from '../../packages/redis/src/run-script.ts'
import { describeWithServers } from './available.ts'
import { type ClientOptions, clientKinds, type UsersClient } from './clients.ts'
import { Ear } from './ear.ts'
import { Server } from './servers.ts'
import { expectNoUnhandledError } from './suite.ts'
import { until } from './until.ts'

const count = scriptOf("return redis.call('INCR', KEYS[1])")
const echo = scriptOf('return {KEYS[1], ARGV[1], #KEYS, {ARGV[2]}, false}')
const fail = scriptOf("return redis.error_reply('OOPS no')")
const say = scriptOf("return redis.call('PUBLISH', ARGV[1], ARGV[2])")

expectNoUnhandledError()
const consoleError = vi.spyOn(console, 'error')

// ioredis complains here of an 'error' that nobody listens to.
afterAll(() => expect(consoleError).not.toHaveBeenCalled())

describeWithServers('The port', ['redis', 'valkey'], (kind) => {
  let server: Server

  beforeAll(async () => {
    server = await Server.start({ kind })
  })

  afterAll(() => server.close())

  describe.each(clientKinds)('of $name', ({ name, standalone }) => {
    let users: UsersClient
    const more: UsersClient[] = []
    let baseline: number

    const another = async (options: ClientOptions) => {
      const made = await standalone(server.port, options)
      more.push(made)
      return made
    }

    beforeEach(async () => {
      await server.ask('FLUSHALL')
      await server.flushScripts()
      await server.ask('CONFIG', 'RESETSTAT')
      users = await standalone(server.port)
      baseline = (await server.clients('normal')).length
    })

    afterEach(async () => {
      vi.useRealTimers()
      for (const { end } of [users, ...more.splice(0)]) await end()
      await until('all connections are closed', async () => {
        return (await server.clients('normal')).length + (await server.clients('pubsub')).length === 0
      })
    })

    test('is the same for the same client', () => {
      expect(portFor(users.client)).toBe(portFor(users.client))
    })

    test('runs a script by its SHA, and by its text where the server does not know it', async () => {
      const port = portFor(users.client)
      const texts = async () => (await server.info('commandstats')).cmdstat_eval?.match(/calls=(\d+)/)?.[1]
      expect(await port.run(count, ['{a}:n'], [])).toBe(1)
      expect(await texts()).toBe('1')
      expect(await port.run(count, ['{a}:n'], [])).toBe(2)
      expect(await texts()).toBe('1')
      await server.flushScripts()
      expect(await port.run(count, ['{a}:n'], [])).toBe(3)
      expect(await port.run(count, ['{a}:n'], [])).toBe(4)
      expect(await texts()).toBe('2')
    })

    test('passes keys and arguments on, and the reply back', async () => {
      const reply = await portFor(users.client).run(echo, ['{a}:1', '{a}:2'], ['ü', ''])
      expect(reply).toEqual(['{a}:1', 'ü', 2, [''], null])
    })

    test("rejects with the script's error", async () => {
      await expect(portFor(users.client).run(fail, ['a'], [])).rejects.toThrow('OOPS no')
    })

    test('runs a script after a restart of the server', async () => {
      const port = portFor(users.client)
      await port.run(count, ['a'], [])
      await server.restart()
      await until('it runs again', async () => (await port.run(count, ['a'], [])) !== undefined)
    })

    test('leaves a script pending while the server hangs', async () => {
      const port = portFor(users.client)
      await port.run(count, ['a'], [])
      server.pause()
      let isPending = true
      const reply = port.run(count, ['a'], []).finally(() => {
        isPending = false
      })
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(isPending).toBe(true)
      server.resume()
      expect(await reply).toBe(2)
    })

    test('leaves the prefix of keys to the client, and puts none before channels', async () => {
      const port = portFor((await another({ keyPrefix: 'app:' })).client)
      expect(await port.run(count, ['{a}:n'], [])).toBe(1)
      expect(await server.ask('GET', 'app:{a}:n')).toBe('1')
      expect(((await port.run(echo, ['{a}:1'], ['x', 'y'])) as string[])[0]).toBe('app:{a}:1')
      const ear = new Ear(port, 'news')
      await ear.standsAgain(0)
      await port.run(say, ['a'], ['news', 'hello'])
      await ear.heard('hello')
      ear.stop()
    })

    test('hears all channels on one connection, each listener its own', async () => {
      const port = portFor(users.client)
      const [a, b, b2] = [new Ear(port, 'a'), new Ear(port, 'b'), new Ear(port, 'b')]
      expect(a.subscribed).toBe(0)
      await Promise.all([a, b, b2].map((ear) => ear.standsAgain(0)))
      const late = new Ear(port, 'a')
      expect(late.subscribed).toBe(0)
      await late.standsAgain(0)
      const connections = await server.clients('pubsub')
      expect(connections.map(({ sub }) => sub)).toEqual(['2'])
      await port.run(say, ['k'], ['a', 'to a'])
      await port.run(say, ['k'], ['b', 'to b'])
      await Promise.all([a.heard('to a'), late.heard('to a'), b.heard('to b'), b2.heard('to b')])
      expect([a, b, b2, late].map(({ messages }) => messages.length)).toEqual([1, 1, 1, 1])
      expect([a, b, b2, late].map(({ subscribed }) => subscribed)).toEqual([1, 1, 1, 1])
      for (const ear of [a, b, b2, late]) ear.stop()
    })

    test('closes the connection with the last channel, and opens one for the next', async () => {
      const port = portFor(users.client)
      const [a, b] = [new Ear(port, 'a'), new Ear(port, 'b')]
      await Promise.all([a.standsAgain(0), b.standsAgain(0)])
      a.stop()
      a.stop()
      await until('one channel is left', async () => (await server.clients('pubsub'))[0]?.sub === '1')
      await port.run(say, ['k'], ['a', 'too late'])
      await port.run(say, ['k'], ['b', 'still'])
      await b.heard('still')
      expect(a.messages).toEqual([])
      const again = new Ear(port, 'a')
      await again.standsAgain(0)
      again.stop()
      b.stop()
      await until('no connection is left', async () => (await server.clients('pubsub')).length === 0)
      expect((await server.clients('normal')).length).toBe(baseline)
      const next = new Ear(port, 'b')
      await next.standsAgain(0)
      next.stop()
    })

    test('leaves nothing behind when it is left at once', async () => {
      const port = portFor(users.client)
      for (let ticks = 0; ticks < 10; ticks++) {
        const ear = new Ear(port, 'a')
        for (let tick = 0; tick < ticks; tick++) await undefined
        ear.stop()
      }
      for (let turns = 1; turns < 6; turns++) {
        const ear = new Ear(port, 'a')
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
        ear.stop()
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
      await until('no connection is left', async () => {
        return (await server.clients('normal')).length === baseline
      })
      expect(await server.clients('pubsub')).toEqual([])
      const [one, two] = [new Ear(port, 'a'), new Ear(port, 'b')]
      one.stop()
      const three = new Ear(port, 'a')
      await Promise.all([two.standsAgain(0), three.standsAgain(0)])
      two.stop()
      three.stop()
    })

    test('subscribes again after its connection is killed, and tells', async () => {
      const onRetry = vi.fn()
      const port = portFor((await another({ onRetry })).client)
      const ears = [new Ear(port, 'a'), new Ear(port, 'b')]
      await Promise.all(ears.map((ear) => ear.standsAgain(0)))
      for (let times = 1; times <= 3; times++) {
        expect(await server.killClients('pubsub')).toBe(1)
        await Promise.all(ears.map((ear) => ear.standsAgain(times)))
        await port.run(say, ['k'], ['b', `after ${times}`])
        await ears[1]?.heard(`after ${times}`)
      }
      expect(await server.clients('pubsub')).toHaveLength(1)
      // It is the user's client that it is about, and that was not lost.
      expect(onRetry).not.toHaveBeenCalled()
      for (const ear of ears) ear.stop()
    })

    test('subscribes again after a restart, even if the client has given up', async () => {
      const port = portFor((await another({ impatient: true })).client)
      const ear = new Ear(port, 'a')
      await ear.standsAgain(0)
      await server.kill()
      await new Promise((resolve) => setTimeout(resolve, 200))
      await server.restart()
      await ear.standsAgain(1)
      await server.ask('PUBLISH', 'a', 'back')
      await ear.heard('back')
      ear.stop()
    })

    test('keeps a connection that answers, and replaces one that does not', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const ear = new Ear(portFor(users.client), 'a')
      await ear.standsAgain(0)
      const id = async () => (await server.clients('pubsub'))[0]?.id
      const first = await id()
      for (let checks = 0; checks < 3; checks++) {
        vi.advanceTimersByTime(5_000)
        await until('the ping has arrived', async () => {
          return (await server.clients('pubsub'))[0]?.cmd === 'ping' && ear.subscribed === 1
        })
        await server.ask('PUBLISH', 'a', `check ${checks}`)
        await ear.heard(`check ${checks}`)
      }
      expect(await id()).toBe(first)
      server.pause()
      // Step by step, for the time-outs of commands to have their effect.
      for (let passed = 0; passed < 10_000; passed += 500) await vi.advanceTimersByTimeAsync(500)
      server.resume()
      vi.advanceTimersByTime(100)
      await ear.standsAgain(1)
      expect(await id()).not.toBe(first)
      ear.stop()
      vi.advanceTimersByTime(5_000)
    })

    // A process for each client is slow, and the kind of server means nothing to it.
    test.runIf(kind === 'redis')('keeps no process alive', async () => {
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', fileURLToPath(new URL('./leave.ts', import.meta.url)), name, String(server.port)],
        { stdio: ['ignore', 'inherit', 'inherit'] },
      )
      expect(await once(child, 'exit')).toEqual([0, null])
    })
  })

  test('of node-redis gets the reply as it is, whatever types the client makes of replies', async () => {
    const client = createClient({
      socket: { port: server.port },
      commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String } },
    })
    await client.connect()
    expect(await portFor(client).run(echo, ['a'], ['b', 'c'])).toEqual(['a', 'b', 1, ['c'], null])
    client.destroy()
  })

  test('of node-redis runs nothing, but hears, before the user has connected', async () => {
    const client = createClient({ socket: { port: server.port } })
    const port = portFor(client)
    await expect(port.run(count, ['a'], [])).rejects.toThrow('closed')
    const ear = new Ear(port, 'a')
    await ear.standsAgain(0)
    ear.stop()
  })
})

describe('A port', () => {
  test.each([
    [undefined, 'received undefined'],
    [null, 'received null'],
    ['redis://localhost', 'received "redis://localhost"'],
    [{ get() {}, set() {} }, 'received an object'],
    [new Map(), 'received a Map'],
    [createSentinel({ name: 'main', sentinelRootNodes: [] }), 'received a Class'],
  ])('is refused for %o', (client, received) => {
    const make = () => portFor(client as RedisClient)
    expect(make).toThrow(TypeError)
    expect(make).toThrow(`client must be a client of ioredis, iovalkey or node-redis; ${received}`)
  })
})
