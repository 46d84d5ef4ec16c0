import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Client, turns, until } from './client.ts'
import { hasWorkerd, Workerd, type WorkerdOptions } from './workerd.ts'

interface State {
  inUse: number
  waiting: number
}

const settings: [string, Partial<WorkerdOptions>][] = [
  ['with request signals', { flags: ['enable_request_signal'] }],
  [
    'as of October 2024, without request signals',
    { compatibilityDate: '2024-10-14', flags: ['unhandled_rejection_after_microtask_checkpoint'] },
  ],
]

describe
  .skipIf(!hasWorkerd)
  .each(
    settings.flatMap(([setting, options]) =>
      ['hono', 'fetch'].map((how) => [setting, how, options] as const),
    ),
  )('A limit in an isolate, on workerd %s, through %s', (setting, how, options) => {
  // Without these, nobody notices a client that left before an answer which Hono made of a failed read.
  const noticed = setting === 'with request signals' || how === 'fetch'
  const workerd = new Workerd()
  let count = 0
  let name = ''
  const clients: Client[] = []

  beforeAll(() => workerd.start({ entry: 'isolate-worker.ts', ...options }))
  afterAll(() => workerd.stop())
  afterEach(() => {
    for (const client of clients.splice(0)) client.leave('RST')
    name = ''
  })

  function semaphore(): string {
    if (name === '') name = `${++count}`
    return name
  }

  function open(handler: string, query = ''): Client {
    const client = new Client(workerd.ports.a, `/${how}/${semaphore()}/${handler}?${query}`)
    clients.push(client)
    return client
  }

  async function get(handler: string): Promise<Response> {
    return fetch(`http://127.0.0.1:${workerd.ports.a}/${how}/${semaphore()}/${handler}`)
  }

  async function becomes(expected: State): Promise<void> {
    let seen: unknown
    try {
      await until('the state', async () => {
        seen = await (await fetch(`http://127.0.0.1:${workerd.ports.a}/state/${semaphore()}`)).json()
        return JSON.stringify(seen) === JSON.stringify(expected)
      })
    } catch {
      expect(seen).toEqual(expected)
    }
  }

  async function crowd(
    waiting: number,
    { holder = 'work', waiter = 'work', query = '' } = {},
  ): Promise<Client[]> {
    const crowd = [open(holder, query)]
    await becomes({ inUse: 1, waiting: 0 })
    for (let i = 1; i <= waiting; i++) {
      crowd.push(open(waiter))
      await becomes({ inUse: 1, waiting: i })
    }
    return crowd
  }

  it('lets waiters wait, and serves them first come, first served', async () => {
    const crowded = await crowd(3)
    const served: number[] = []
    for (const [i, client] of crowded.entries()) client.socket.once('data', () => served.push(i))
    for (const client of crowded) {
      client.finish()
      await client.receives('worked')
      expect(client.status).toBe(200)
    }
    expect(served).toEqual([0, 1, 2, 3])
    await becomes({ inUse: 0, waiting: 0 })
  })

  it.each(['text', 'throw'])('frees the permit of a handler that answers with %s', async (handler) => {
    for (let i = 0; i < 3; i++) await (await get(handler).catch(() => undefined))?.text()
    await becomes({ inUse: 0, waiting: 0 })
  })

  it('refuses when the queue is full', async () => {
    await crowd(3)
    const refused = await get('work')
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ reason: 'full' })
  })

  it('turns each away in time, though the first that waited has left', async () => {
    const [, first, ...others] = await crowd(3, { query: 'queueTimeout=200' })
    ;(first as Client).leave('RST')
    for (const client of others) await client.receives('"reason":"timeout"')
    await becomes({ inUse: 1, waiting: 0 })
  })

  it.runIf(noticed)('frees the permit of a client that leaves while its handler works', async () => {
    const [holder, next] = await crowd(1)
    ;(holder as Client).leave('RST')
    await becomes({ inUse: 1, waiting: 0 })
    ;(next as Client).finish()
    await (next as Client).receives('worked')
    await becomes({ inUse: 0, waiting: 0 })
  })

  it.each(['RST', 'FIN'] as const)(
    'frees the permit of a client that leaves a stream by %s',
    async (leave) => {
      const holder = open('stream')
      holder.say('one')
      await holder.receives('one')
      await becomes({ inUse: 1, waiting: 0 })
      const next = open('work')
      await becomes({ inUse: 1, waiting: 1 })
      holder.leave(leave)
      await becomes({ inUse: 1, waiting: 0 })
      next.finish()
      await next.receives('worked')
      await becomes({ inUse: 0, waiting: 0 })
    },
  )

  it('holds the permit until a stream has ended', async () => {
    const holder = open('stream')
    for (const text of ['one', 'two', 'three']) {
      holder.say(text)
      await holder.receives(text)
      await becomes({ inUse: 1, waiting: 0 })
    }
    holder.finish()
    await becomes({ inUse: 0, waiting: 0 })
  })

  it.runIf(noticed)('frees the place of a client that leaves while it waits', async () => {
    const [holder, waiter, next] = await crowd(2)
    ;(waiter as Client).leave('RST')
    if (setting === 'with request signals') await becomes({ inUse: 1, waiting: 1 })
    ;(holder as Client).finish()
    await (holder as Client).receives('worked')
    ;(next as Client).finish()
    await (next as Client).receives('worked')
    await becomes({ inUse: 0, waiting: 0 })
  })

  it('takes the permit back from a handler that goes on without its client', async () => {
    const [holder, next] = await crowd(1, { holder: 'stuck', query: 'maxHold=300' })
    ;(holder as Client).leave('RST')
    await becomes({ inUse: 1, waiting: 0 })
    ;(next as Client).finish()
    await (next as Client).receives('worked')
  })

  it('takes the permit back from a handler that works too long, and answers for it', async () => {
    const [holder, next] = await crowd(1, { holder: 'stuck', query: 'maxHold=300' })
    await (holder as Client).receives('HTTP/1.1 503')
    ;(next as Client).finish()
    await (next as Client).receives('worked')
    await becomes({ inUse: 0, waiting: 0 })
  })

  it('takes the permit back from a handler that was ended since it hung', async () => {
    const holder = open('hang', 'maxHold=50')
    await holder.receives('HTTP/1.1 5')
    const next = open('work')
    next.finish()
    await next.receives('worked')
    await becomes({ inUse: 0, waiting: 0 })
  })

  it.runIf(noticed)('hands on a permit that was granted to a client as it left', async () => {
    for (let round = 0; round < 20; round++) {
      const both = [open('work'), open('stream')]
      for (const client of both) client.leave('RST')
      await turns(round)
    }
    await becomes({ inUse: 0, waiting: 0 })
    expect(await (await get('text')).text()).toBe('text')
  })

  it.runIf(noticed)('goes on after a crowd of which half leaves at any moment', async () => {
    for (let round = 0; round < 5; round++) {
      const crowd = Array.from({ length: 4 }, (_, i) => open(i % 2 ? 'stream' : 'work'))
      for (const [i, client] of crowd.entries()) {
        if (i < 2) client.finish()
        else client.leave('RST')
      }
      for (const client of crowd.slice(0, 2)) await client.receives('HTTP/1.1')
      await becomes({ inUse: 0, waiting: 0 })
    }
    expect((await get('text')).status).toBe(200)
  })

  it('complains of nothing but what these tests provoke', () => {
    const provoked = /code had hung|on purpose|connection lost|reading a body|client disconnected/
    expect(workerd.complaints().filter((line) => !provoked.test(line))).toEqual([])
  })
})
