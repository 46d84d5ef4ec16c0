import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { type RunningExample, startExample } from '../examples/tour/server.ts'

const running: RunningExample[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((example) => example.stop()))
})

async function start(
  name: string,
): Promise<{ url: string; lines: string[]; printed(line: string): Promise<void> }> {
  const lines: string[] = []
  const waits = new Map<string, () => void>()
  const example = await startExample(name, '0', (line) => {
    lines.push(line)
    waits.get(line)?.()
  })
  running.push(example)
  const printed = (line: string): Promise<void> =>
    lines.includes(line) ? Promise.resolve() : new Promise((resolve) => waits.set(line, resolve))
  return { url: example.url, lines, printed }
}

async function get(url: string, init?: RequestInit): Promise<[status: number, text: string]> {
  const response = await fetch(url, init)
  return [response.status, await response.text()]
}

describe.each(['express', 'koa', 'hono', 'fastify', 'node', 'fetch'])('the example %s', (name) => {
  it('lets two in, makes four wait, and refuses the rest', async () => {
    const { url, lines, printed } = await start(name)
    const all = [get(`${url}/job/1`)]
    await printed('1 acquired')
    all.push(get(`${url}/job/2`))
    await printed('2 acquired')
    const rest = ['3', '4', '5', '6', '7'].map((name) => get(`${url}/job/${name}`))
    const [status, text] = await Promise.race(rest)
    expect([status, JSON.parse(text).reason]).toEqual([503, 'full'])
    expect(lines).toEqual(['1 acquired', '2 acquired'])
    expect(JSON.parse((await get(`${url}/status`))[1])).toEqual({ inUse: 2, waiting: 4 })
    const answers = await Promise.all([...all, ...rest])
    expect(answers.map(([status]) => status).sort()).toEqual([200, 200, 200, 200, 503, 503, 503])
    expect(JSON.parse((await get(`${url}/status`))[1])).toEqual({ inUse: 0, waiting: 0 })
  })
})

describe.each(['per-route', 'nest'])('the example %s', (name) => {
  it('answers the health check and the cheap route while reports wait', async () => {
    const { url } = await start(name)
    const reports = Array.from({ length: 12 }, () => get(`${url}/report`))
    const refused = await fetch(`${url}/report`)
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(5)
    expect(JSON.parse((await get(`${url}/health`))[1])).toEqual({ reports: 1, waiting: 10 })
    expect(await get(`${url}/`)).toEqual([200, 'cheap\n'])
    const statuses = (await Promise.all(reports)).map(([status]) => status)
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(1)
    expect(JSON.parse((await get(`${url}/health`))[1])).toEqual({ reports: 0, waiting: 0 })
  })
})

describe('the example shared-limiter', () => {
  it('counts requests by weight, and other work, on one limiter', async () => {
    const { url } = await start('shared-limiter')
    expect(JSON.parse((await get(`${url}/users`))[1])).toEqual({ what: 'users', inUse: 1 })
    expect(JSON.parse((await get(`${url}/export`))[1])).toEqual({ what: 'everything', inUse: 4 })
    expect((await get(`${url}/refresh`, { method: 'POST' }))[0]).toBe(200)
    const exports = await Promise.all(Array.from({ length: 5 }, () => get(`${url}/export`)))
    const inUse = exports.map(([, text]) => JSON.parse(text).inUse)
    expect(Math.max(...inUse)).toBe(8)
  })
})

describe('the example saturated', () => {
  it('works on two reports at once with the limit, and on more without', { timeout: 60_000 }, async () => {
    const { url } = await start('saturated')
    const most = async (path: string): Promise<unknown> => {
      await Promise.all(Array.from({ length: 12 }, () => get(`${url}/${path}`)))
      return JSON.parse((await get(`${url}/most-at-once`))[1])
    }
    expect(await most('without')).toBeGreaterThan(2)
    expect(await most('with')).toBe(2)
  })
})

describe('pnpm start', () => {
  const children: ChildProcess[] = []
  afterEach(() => {
    for (const child of children.splice(0)) child.kill()
  })

  function run(...args: string[]): { lines: string[]; child: ChildProcess; ended: Promise<unknown[]> } {
    const child = spawn(process.execPath, ['--import', 'tsx', 'examples/start.ts', ...args], {
      env: { ...process.env, PORT: '0' },
    })
    children.push(child)
    const lines: string[] = []
    createInterface(child.stdout).on('line', (line) => lines.push(line))
    createInterface(child.stderr).on('line', (line) => lines.push(line))
    return { lines, child, ended: once(child, 'exit') }
  }

  it.each(['express', 'koa', 'hono', 'fastify', 'node', 'fetch'])(
    'shows %s at work, and ends by itself with exit code 0',
    async (name) => {
      const { lines, ended } = run(...(name === 'express' ? [] : [name]))
      expect(await ended).toEqual([0, null])
      const story = lines.join('\n')
      expect(story).toContain(`${name}: limit({ permits: 2, queue: 4, queueTimeout: 700 })`)
      for (const served of ['1', '2', '3', '4']) {
        expect(story).toMatch(new RegExp(`request ${served}  acquired a permit, \\d+ ms after it was sent`))
        expect(story).toContain(`request ${served}  answered`)
      }
      expect(story).toMatch(
        /request 5 {2}refused with 503: No permit became free in time\. Retry-After: [12] s/,
      )
      expect(story).toContain('request 6  left after 200 ms of waiting')
      expect(story).toMatch(/request 7 {2}refused with 503: All permits are in use and the queue is full\./)
      expect(story).not.toMatch(/request [567] {2}acquired/)
      expect(story).toContain('In the end: 0 permits in use, 0 requests waiting.')
    },
  )

  it('compares a saturated server without and with the limit', { timeout: 60_000 }, async () => {
    const { lines, ended } = run('saturated')
    expect(await ended).toEqual([0, null])
    const most = (row: string): number =>
      Number(lines.find((line) => line.startsWith(`${row} `))?.split(/ +/)[4])
    expect(most('with')).toBeGreaterThanOrEqual(2)
    expect(most('with')).toBeLessThan(most('without'))
  })

  it('keeps the server up with --serve', async () => {
    const { lines, child, ended } = run('--serve')
    await once(child.stdout as NodeJS.ReadableStream, 'data')
    while (!lines.some((line) => line.includes('curl'))) await new Promise(setImmediate)
    const [url] = lines.join().match(/http:\/\/localhost:\d+/) ?? []
    expect((await get(`${url}/status`))[0]).toBe(200)
    child.kill('SIGKILL')
    await ended
    // The server does not outlive the command.
    while ((await get(`${url}/status`).catch(() => 'gone')) !== 'gone');
  })

  it('says which examples there are when asked for another', async () => {
    const { lines, ended } = run('fastfy')
    expect(await ended).toEqual([1, null])
    expect(lines).toEqual([
      'There is no example "fastfy"; there are express, koa, hono, fastify, node, fetch, saturated.',
    ])
  })
})
