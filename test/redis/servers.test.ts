import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { ask } from './ask.ts'
import { describeWithRedis, describeWithServers } from './available.ts'
import { Cluster } from './cluster.ts'
import { TcpProxy } from './proxy.ts'
import { Server, startReplica } from './servers.ts'
import { until } from './until.ts'

const started: { close(): Promise<void> }[] = []

function kept<T extends { close(): Promise<void> }>(thing: T): T {
  started.push(thing)
  return thing
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((thing) => thing.close()))
})

describeWithServers('The test servers', ['redis', 'valkey'], (kind) => {
  test('lose their data in a restart, unless they append it to a file', async () => {
    for (const [appendOnly, data, survives] of [
      [false, 'keep', false],
      [true, 'keep', true],
      [true, 'lose', false],
    ] as const) {
      const server = kept(await Server.start({ kind, appendOnly }))
      await server.ask('SET', 'a', 1)
      await server.kill()
      await expect(server.ask('PING')).rejects.toThrow()
      await server.restart({ data })
      expect(await server.ask('GET', 'a')).toBe(survives ? '1' : null)
    }
  })

  test('pause and resume', async () => {
    const server = kept(await Server.start({ kind }))
    server.pause()
    let answered = false
    const reply = server.ask('PING').then((pong) => {
      answered = true
      return pong
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(answered).toBe(false)
    server.resume()
    expect(await reply).toBe('PONG')
    server.pause()
    await server.close()
  })

  test('take an ACL', async () => {
    const server = kept(
      await Server.start({ kind, acl: ['user default on nopass ~* &* +@all', 'user guest on >word +ping'] }),
    )
    expect(await server.ask('ACL', 'USERS')).toContain('guest')
  })

  test('have replicas, which can be left behind and promoted', async () => {
    const primary = kept(await Server.start({ kind }))
    const replica = kept(await startReplica(primary))
    await primary.ask('SET', 'a', 'old')
    await replica.caughtUp()
    replica.link.hold()
    await primary.ask('SET', 'a', 'new')
    await replica.server.promote()
    expect(await replica.server.ask('GET', 'a')).toBe('old')
    expect((await replica.server.info('replication')).role).toBe('master')
  })

  test('make a cluster, whose replica takes the place of a killed master', async () => {
    const cluster = kept(await Cluster.start({ kind, replicas: 1 }))
    expect(new Set(await Promise.all(['a', 'b', 'c'].map((key) => cluster.masterOf(key)))).size).toBe(3)
    const master = await cluster.masterOf('a')
    const heir = await cluster.failOver(master)
    expect(heir).not.toBe(master)
    expect(await cluster.masterOf('a')).toBe(heir)
    expect(await heir.ask('SET', 'a', 1)).toBe('OK')
  })

  test('are gone, with their directory, when the process that started them is killed', async () => {
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', fileURLToPath(new URL('./start-and-stay.ts', import.meta.url)), kind],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const [line] = await once(createInterface(child.stdout), 'line')
    const { pid, port, directory } = JSON.parse(line)
    expect(existsSync(directory)).toBe(true)
    child.kill('SIGKILL')
    await until('the server is gone', () => !existsSync(directory) && !isAlive(pid))
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
  })
})

describeWithRedis('The proxy', () => {
  test('holds, delays, cuts, and leads elsewhere', async () => {
    const [one, two] = [kept(await Server.start()), kept(await Server.start())]
    await one.ask('SET', 'name', 'one')
    await two.ask('SET', 'name', 'two')
    const proxy = kept(await TcpProxy.start(one.port))
    const name = () => ask(proxy.port, 'GET', 'name')
    expect(await name()).toBe('one')

    proxy.hold()
    let answered = false
    const held = name().finally(() => {
      answered = true
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(answered).toBe(false)
    proxy.resume()
    expect(await held).toBe('one')

    proxy.delay(60)
    const before = performance.now()
    expect(await name()).toBe('one')
    expect(performance.now() - before).toBeGreaterThan(110)
    proxy.resume()

    proxy.hold()
    const cut = name()
    cut.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 20))
    proxy.cut()
    await expect(cut).rejects.toThrow()
    proxy.resume()

    proxy.leadTo(two.port)
    expect(await name()).toBe('two')
  })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
