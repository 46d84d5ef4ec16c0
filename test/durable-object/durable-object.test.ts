import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Client, turns, until } from './client.ts'
import { hasWorkerd, Workerd, type WorkerdOptions } from './workerd.ts'

interface Report {
  limit: number
  inUse: number
  waiting: number
  peak: number
  outcomes: string[]
}

// A request that asked for a permit is seen in the state of the object, so nothing here sleeps.
describe.skipIf(!hasWorkerd).each<[string, Partial<WorkerdOptions>]>([
  ['with request signals', { flags: ['enable_request_signal'] }],
  [
    'as of October 2024, without request signals',
    // What is handled within the same turn counted as unhandled before this flag.
    { compatibilityDate: '2024-10-14', flags: ['unhandled_rejection_after_microtask_checkpoint'] },
  ],
])('A limit in a Durable Object, on workerd %s', (_, options) => {
  const workerd = new Workerd()
  let count = 0
  let name = ''
  const clients: Client[] = []

  beforeAll(() => workerd.start({ entry: 'durable-worker.ts', objects: ['One', 'Busy'], ...options }))
  afterAll(() => workerd.stop())
  afterEach(() => {
    for (const client of clients.splice(0)) client.leave('RST')
    name = ''
  })

  /** An object of its own for each test. */
  function object(): string {
    if (name === '') name = `${++count}`
    return name
  }

  /** Starts a request that goes on until its client ends the body. */
  function open(route: string, isolate: 'a' | 'b' = 'a', query = ''): Client {
    const client = new Client(workerd.ports[isolate], `/${route}/${object()}?${query}`)
    clients.push(client)
    return client
  }

  async function get(route: string, query = ''): Promise<Response> {
    return fetch(`http://127.0.0.1:${workerd.ports.a}/${route}/${object()}?${query}`)
  }

  async function state(): Promise<Report> {
    return (await get('state')).json() as Promise<Report>
  }

  async function becomes(expected: Partial<Report>): Promise<void> {
    let seen: Partial<Report> = {}
    try {
      await until('the state', async () => {
        seen = await state()
        return Object.entries(expected).every(([key, value]) => seen[key as keyof Report] === value)
      })
    } catch {
      expect(seen).toMatchObject(expected)
    }
  }

  /** Fills the only permit and, in order, the queue. */
  async function crowd(waiting: number, route = 'work'): Promise<[holder: Client, ...waiters: Client[]]> {
    const holder = open('work')
    await becomes({ inUse: 1 })
    const waiters: Client[] = []
    for (let i = 1; i <= waiting; i++) {
      waiters.push(open(route, i % 2 === 0 ? 'a' : 'b'))
      await becomes({ waiting: i })
    }
    return [holder, ...waiters]
  }

  it('counts for all isolates, and serves them first come, first served', async () => {
    const [holder, ...waiters] = await crowd(3)
    const served: number[] = []
    for (const [i, waiter] of waiters.entries()) waiter.socket.once('data', () => served.push(i))
    for (const client of [holder, ...waiters]) {
      client.finish()
      await client.receives('worked')
    }
    expect(served).toEqual([0, 1, 2])
    expect(await state()).toMatchObject({ inUse: 0, waiting: 0, peak: 1 })
  })

  it('never lets more in than the limit, and gives each permit back once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => get('work').then((r) => r.status)))
    expect(answers.filter((status) => status === 200).length).toBeGreaterThanOrEqual(4)
    const { inUse, waiting, peak, outcomes } = await state()
    expect([inUse, waiting, peak]).toEqual([0, 0, 1])
    expect(outcomes.length).toBe(answers.filter((status) => status === 200).length)
  })

  it('tells why it refuses: the queue is full', async () => {
    await crowd(3)
    const refused = await get('work')
    expect(await refused.json()).toMatchObject({ name: 'RejectedError', reason: 'full' })
  })

  it('tells when to come back, where the limiter knows', async () => {
    const refused = await get('work', 'busy')
    expect(await refused.json()).toMatchObject({
      name: 'RejectedError',
      reason: 'shed',
      retryAfter: 7,
      detail: 'Enough.',
    })
  })

  it('turns away who waited too long', async () => {
    await crowd(0)
    const refused = await get('work', 'timeout=20')
    expect(await refused.json()).toMatchObject({ name: 'RejectedError', reason: 'timeout' })
    await becomes({ inUse: 1, waiting: 0 })
    expect(await (await get('work', 'timeout=0')).json()).toMatchObject({ reason: 'timeout' })
  })

  it('gives a free permit to who does not want to wait', async () => {
    const holder = open('work', 'a', 'timeout=0')
    await becomes({ inUse: 1 })
    holder.finish()
    await holder.receives('worked')
  })

  it.each([0, 20])(
    'turns away after a time-out of %d ms though the object does not answer',
    async (timeout) => {
      const refused = await get('work', `silent&timeout=${timeout}`)
      expect(await refused.json()).toMatchObject({ name: 'RejectedError', reason: 'timeout' })
    },
  )

  it('takes as many permits as a request weighs, and says when that is too many', async () => {
    expect(await (await get('resize', 'to=2')).json()).toBe('resized')
    open('work', 'b', 'weight=2')
    await becomes({ inUse: 2, limit: 2 })
    const refused = await get('work', 'weight=3')
    expect(await refused.json()).toMatchObject({ name: 'RangeError' })
    await becomes({ inUse: 2, waiting: 0 })
  })

  it('refuses to be resized to nonsense', async () => {
    expect(await (await get('resize', 'to=-1')).json()).toContain('RangeError: limit must be')
  })

  it('lets in who waits when it is resized', async () => {
    await crowd(2)
    await get('resize', 'to=2')
    await becomes({ inUse: 2, waiting: 1 })
  })

  it('turns away all when it is closed, and drains', async () => {
    const [holder, waiter] = await crowd(1)
    const drained = get('drain')
    await get('close')
    await (waiter as Client).receives('"reason":"closed"')
    expect(await (await get('work')).json()).toMatchObject({ name: 'RejectedError', reason: 'closed' })
    expect(await state()).toMatchObject({ inUse: 1 })
    holder.finish()
    expect(await (await drained).text()).toBe('drained')
  })

  it('leaves the queue when the signal aborts, with its reason', async () => {
    const [, waiter, next] = await crowd(2, 'abort')
    for (const [left, client] of [waiter as Client, next as Client].entries()) {
      client.say('never mind')
      await becomes({ waiting: 1 - left, inUse: 1 })
      client.finish()
      await client.receives('Error: changed my mind')
    }
  })

  it('takes nothing for a signal that has aborted, and keeps a permit whose signal aborts later', async () => {
    expect(await (await get('aborted')).json()).toEqual({ before: 'before', after: 'function' })
    await becomes({ inUse: 0, waiting: 0 })
  })

  it('gives nothing without asking', async () => {
    expect(await (await get('try')).json()).toEqual({ permit: 'none' })
    expect(await state()).toMatchObject({ inUse: 0, waiting: 0 })
  })

  it('gives a permit back once, and tells the limiter how it went', async () => {
    await get('release')
    await get('release', 'outcome=dropped')
    await becomes({ inUse: 0 })
    expect((await state()).outcomes).toEqual(['success', 'dropped'])
  })

  it.each([
    ['returns without giving it back', 'forget'],
    ['throws', 'throw'],
    ['is ended since it hung', 'hang'],
  ])('frees the permit of a handler that %s', async (_, route) => {
    const client = open(route)
    client.finish()
    await client.receives('HTTP/1.1')
    await becomes({ inUse: 0, waiting: 0 })
    expect((await state()).outcomes).toEqual(['ignored'])
  })

  it.each(['work', 'forget'])(
    'frees the permit of a client that leaves while it holds it, to %s',
    async (route) => {
      const holder = open(route)
      await becomes({ inUse: 1 })
      const next = open('work', 'b')
      await becomes({ waiting: 1 })
      holder.leave('RST')
      await becomes({ inUse: 1, waiting: 0 })
      next.finish()
      await next.receives('worked')
      await becomes({ inUse: 0 })
    },
  )

  it('frees the place of a client that leaves while it waits', async () => {
    const [holder, waiter, next] = await crowd(2)
    ;(waiter as Client).leave('RST')
    await becomes({ waiting: 1, inUse: 1 })
    holder.finish()
    ;(next as Client).finish()
    await (next as Client).receives('worked')
    await becomes({ inUse: 0, waiting: 0 })
  })

  it('holds the permit of a streamed response until its end', async () => {
    const client = open('hono')
    client.say('one')
    await client.receives('one')
    expect(await state()).toMatchObject({ inUse: 1 })
    client.say('two')
    await client.receives('two')
    client.finish()
    await becomes({ inUse: 0 })
    expect((await state()).outcomes).toEqual(['success'])
  })

  it('frees the permit of a client that leaves a streamed response', async () => {
    const client = open('hono')
    client.say('one')
    await client.receives('one')
    const next = open('hono', 'b')
    await becomes({ inUse: 1, waiting: 1 })
    client.leave('RST')
    await becomes({ inUse: 1, waiting: 0 })
    next.say('mine')
    await next.receives('mine')
    next.finish()
    await becomes({ inUse: 0 })
  })

  it('refuses through an adapter with its status and reason', async () => {
    await crowd(3)
    const refused = await get('hono')
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ reason: 'full' })
  })

  it('lets one request give back what another acquired', async () => {
    const holder = open('leave')
    await becomes({ inUse: 1 })
    expect(await (await get('release-other')).text()).toBe('released')
    await becomes({ inUse: 0 })
    holder.finish()
    await holder.receives('gone on')
  })

  it('lets all go on when the object is restarted: holders without permits, waiters in a new queue', async () => {
    const holder = open('work', 'b')
    await becomes({ inUse: 1 })
    const waiters = [open('work', 'a'), open('work', 'b')]
    await becomes({ waiting: 2 })
    await get('restart-now')
    await becomes({ inUse: 1, waiting: 1 })
    for (const client of [holder, ...waiters]) client.finish()
    for (const client of waiters) await client.receives('worked')
    await becomes({ inUse: 0, waiting: 0 })
  })

  it('survives a crowd of which half leaves at any moment', async () => {
    await get('resize', 'to=2')
    for (let round = 0; round < 5; round++) {
      const crowd = Array.from({ length: 8 }, (_, i) => open(i % 3 ? 'work' : 'hono', i % 2 ? 'a' : 'b'))
      const [stay, go] = [crowd.filter((_, i) => i % 4 < 2), crowd.filter((_, i) => i % 4 >= 2)]
      for (const client of stay) client.finish()
      for (const client of go) {
        await turns(round * 3)
        client.leave('RST')
      }
      for (const client of stay) await client.receives('HTTP/1.1')
      await becomes({ inUse: 0, waiting: 0 })
    }
    expect((await get('work')).status).toBe(200)
  })

  it('complains of nothing but what these tests provoke', () => {
    const provoked = /weight must be|limit must be|code had hung|jsg.Error: restarted/
    expect(workerd.complaints().filter((line) => !provoked.test(line))).toEqual([])
  })
})
