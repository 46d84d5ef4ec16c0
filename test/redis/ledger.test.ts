import { beforeEach, describe, expect, it } from 'vitest'
import { Ledger, type LedgerOptions } from '../../packages/redis/src/ledger.ts'
import type { Want } from '../../packages/redis/src/want-list.ts'
import {
  type KeyReply,
  type Push,
  type SyncReply,
  type SyncRequest,
  WireError,
} from '../../packages/redis/src/wire.ts'

const LEASE = 9000
const EPOCH = 'e1'

let events: string[] = []
let kicks = 0

beforeEach(() => {
  events = []
  kicks = 0
})

function ledgerWith(options: Partial<LedgerOptions<string>> = {}): Ledger<string> {
  return new Ledger<string>({
    instance: 'i',
    lease: LEASE,
    keyed: false,
    local: false,
    limits: { limit: 3, capacity: 10 },
    listener: {
      granted: (want, fence) => events.push(`granted ${want.waiter} ${fence}`),
      rejected: (want, cause) => events.push(`rejected ${want.waiter} ${cause}`),
      lost: (holdings) => events.push(`lost ${holdings.map(({ key, weight }) => `${key}:${weight}`)}`),
      kick: () => kicks++,
      limitsDiffer: (_key, theirs, mine) => events.push(`${theirs.limit} instead of ${mine.limit}`),
    },
    ...options,
  })
}

function build(ledger: Ledger<string>, now = 0): SyncRequest {
  return ledger.build(now) as SyncRequest
}

/** A reply that agrees with the request, but for what is given. */
function ok(
  request: SyncRequest,
  key: Partial<KeyReply> = {},
  rest: Partial<SyncReply & { kind: 'ok' }> = {},
): SyncReply {
  return {
    kind: 'ok',
    number: request.number,
    epoch: EPOCH,
    revision: 100 + request.number,
    instances: 1,
    learning: 0,
    keys: request.keys.map((sent) => ({
      granted: sent.granted,
      served: sent.served,
      rejections: sent.rejections,
      log: [],
      wanted: sent.wanted,
      queued: 0,
      gap: false,
      limit: sent.limit,
      capacity: sent.capacity,
      version: sent.version,
      waiting: 0,
      pressure: false,
      ...key,
    })),
    ...rest,
  }
}

function sync(ledger: Ledger<string>, key: Partial<KeyReply> = {}, now = 0): SyncRequest {
  const request = build(ledger, now)
  ledger.onReply(request, ok(request, key), now)
  return request
}

/** A ledger that holds one permit, which was granted to `first`. */
function holding(options: Partial<LedgerOptions<string>> = {}): Ledger<string> {
  const ledger = ledgerWith(options)
  ledger.acquire('', 1, 'first')
  sync(ledger, { granted: 1, served: 1 })
  events = []
  return ledger
}

function push(values: Partial<Push>): Push {
  return {
    incarnation: 'i.0',
    epoch: EPOCH,
    revision: 500,
    granted: 0,
    served: 0,
    rejections: 0,
    pressure: false,
    key: '',
    ...values,
  }
}

describe('Requests and replies', () => {
  it('carry a new number each time, also after one that was given up', () => {
    const ledger = ledgerWith()
    expect([build(ledger), build(ledger), build(ledger)].map(({ number }) => number)).toEqual([1, 2, 3])
  })

  it('are discarded when another request has been sent since', () => {
    const ledger = ledgerWith()
    ledger.acquire('', 1, 'first')
    const former = build(ledger)
    build(ledger)
    expect(ledger.onReply(former, ok(former, { granted: 1, served: 1 }), 0)).toBe(false)
    expect(ledger.registered).toBe(false)
    expect(events).toEqual([])
  })

  it('are discarded the second time', () => {
    const ledger = ledgerWith()
    const request = build(ledger)
    expect(ledger.onReply(request, ok(request), 0)).toBe(true)
    expect(ledger.onReply(request, ok(request), 0)).toBe(false)
  })

  it('that do not belong together throw, and change nothing', () => {
    const ledger = ledgerWith()
    ledger.acquire('', 1, 'first')
    const request = build(ledger)
    const reply = ok(request, { granted: 1, served: 1 })
    expect(() => ledger.onReply(request, { ...reply, number: 9 }, 0)).toThrow(WireError)
    expect(() => ledger.onReply(request, { ...reply, keys: [] } as unknown as SyncReply, 0)).toThrow(
      WireError,
    )
    expect(events).toEqual([])
    ledger.onReply(request, reply, 0)
    expect(events).toEqual(['granted first 101'])
  })

  it('tell the server what is known of it, so that it sees when it has fallen back', () => {
    const ledger = ledgerWith()
    sync(ledger)
    sync(ledger)
    ledger.onPush(push({}), 0)
    expect(build(ledger)).toMatchObject({ registered: true, epoch: EPOCH, revision: 500, confirmed: 2 })
  })

  it('ask for another when the server says that the request is old', () => {
    const ledger = ledgerWith()
    const request = build(ledger)
    ledger.onReply(request, { kind: 'old', number: 1 }, 0)
    expect(kicks).toBe(1)
    expect(ledger.registered).toBe(false)
  })
})

describe('A want', () => {
  it('asks for a request', () => {
    ledgerWith().acquire('', 1, 'first')
    expect(kicks).toBe(1)
  })

  it('heavier than the limit throws', () => {
    expect(() => ledgerWith().acquire('', 4, 'first')).toThrow(
      'weight must be at most the limit of 3; received 4',
    )
  })

  it('waits while the limit is 0, whatever its weight', () => {
    const ledger = ledgerWith({ limits: { limit: 0, capacity: 10 } })
    ledger.acquire('', 4, 'first')
    expect(ledger.waiting()).toBe(1)
    sync(ledger, { limit: 0, rejections: 1, log: [[1, 1]] })
    expect(events).toEqual(['rejected first full'])
  })

  it('is sent until it is acknowledged, in runs of one weight', () => {
    const ledger = ledgerWith()
    for (const weight of [1, 1, 2, 1]) ledger.acquire('', weight, 'any')
    const runs = [
      { first: 1, count: 2, weight: 1 },
      { first: 3, count: 1, weight: 2 },
      { first: 4, count: 1, weight: 1 },
    ]
    expect(build(ledger).keys[0]?.wants).toEqual(runs)
    const request = build(ledger)
    expect(request.keys[0]).toMatchObject({ wants: runs, wanted: 4, acknowledged: 0 })
    ledger.onReply(request, ok(request, { queued: 4 }), 0)
    expect(build(ledger).keys[0]).toMatchObject({ wants: [], wanted: 4, acknowledged: 4 })
  })

  it('that is served is not missed if the server forgets it', () => {
    const ledger = holding()
    expect(build(ledger).keys[0]?.acknowledged).toBe(0)
  })

  it('is sent again when the server has fallen back behind it', () => {
    const ledger = ledgerWith()
    for (const waiter of ['first', 'second', 'third']) ledger.acquire('', 1, waiter)
    sync(ledger, { queued: 3 })
    kicks = 0
    sync(ledger, { gap: true, wanted: 1, queued: 1 })
    expect(kicks).toBe(1)
    expect(build(ledger).keys[0]).toMatchObject({
      wants: [{ first: 2, count: 2, weight: 1 }],
      acknowledged: 1,
    })
  })

  it('queues anew, with all others, when the server has lost it', () => {
    const ledger = ledgerWith()
    for (const waiter of ['first', 'second']) ledger.acquire('', 1, waiter)
    sync(ledger, { queued: 1 })
    expect(build(ledger)).toMatchObject({
      incarnation: 'i.1',
      previous: 'i.0',
      registered: false,
      keys: [{ wants: [{ first: 3, count: 2, weight: 1 }] }],
    })
    expect(events).toEqual([])
  })

  it('that is cancelled before it was sent is never spoken of', () => {
    const ledger = ledgerWith()
    expect(ledger.cancel(ledger.acquire('', 1, 'first'))).toBe(true)
    expect(build(ledger).keys[0]).toMatchObject({ wants: [], cancels: [] })
  })

  it('that is cancelled is told of until a reply to a request that said so', () => {
    const ledger = ledgerWith()
    const want = ledger.acquire('', 2, 'first')
    const before = build(ledger)
    ledger.cancel(want)
    ledger.onReply(before, ok(before, { queued: 1 }), 0)
    const cancels = [{ sequence: 1, weight: 2 }]
    expect(build(ledger).keys[0]?.cancels).toEqual(cancels)
    expect(sync(ledger).keys[0]?.cancels).toEqual(cancels)
    expect(build(ledger).keys[0]?.cancels).toEqual([])
  })

  it('cannot be cancelled once it is granted', () => {
    const ledger = ledgerWith()
    const want = ledger.acquire('', 1, 'first')
    sync(ledger, { granted: 1, served: 1 })
    expect(ledger.cancel(want)).toBe(false)
  })

  it('is sent with no more than 999 others', () => {
    const ledger = ledgerWith()
    for (let count = 0; count < 2500; count++) ledger.acquire('', 1, 'any')
    expect(build(ledger).keys[0]).toMatchObject({
      wants: [{ first: 1, count: 1000, weight: 1 }],
      wanted: 1000,
    })
    kicks = 0
    sync(ledger, { queued: 1000 })
    expect(kicks).toBe(1)
    expect(build(ledger).keys[0]).toMatchObject({
      wants: [{ first: 1001, count: 1000, weight: 1 }],
      wanted: 2000,
    })
  })
})

describe('A grant', () => {
  it('is all wants served, but for those rejected', () => {
    const ledger = ledgerWith()
    for (const waiter of ['first', 'second', 'third']) ledger.acquire('', 1, waiter)
    sync(ledger, { granted: 2, served: 3, rejections: 1, log: [[2, 2]] })
    expect(events).toEqual(['rejected second full', 'granted first 101', 'granted third 101'])
    expect(ledger.inUse()).toBe(2)
    expect(build(ledger).keys[0]?.rejections).toBe(1)
  })

  it('to a want that was cancelled goes back at once', () => {
    const ledger = ledgerWith()
    const want = ledger.acquire('', 1, 'first')
    const request = build(ledger)
    ledger.cancel(want)
    kicks = 0
    ledger.onReply(request, ok(request, { granted: 1, served: 1 }), 0)
    expect(kicks).toBe(1)
    expect(build(ledger).keys[0]).toMatchObject({ granted: 1, returned: 1 })
    expect(ledger.inUse()).toBe(0)
  })

  it('may come as a push, before the reply', () => {
    const ledger = holding()
    ledger.acquire('', 1, 'second')
    const request = build(ledger)
    ledger.onPush(push({ granted: 2, served: 2 }), 0)
    expect(events).toEqual(['granted second 500'])
    kicks = 0
    ledger.onReply(request, ok(request, { granted: 1, served: 1 }), 0)
    // The server seems to be behind: it is told again.
    expect(kicks).toBe(1)
    expect(build(ledger).keys[0]?.granted).toBe(2)
    expect(ledger.inUse()).toBe(2)
  })

  it('says that a want is heavier than a limit lowered since', () => {
    const ledger = ledgerWith()
    ledger.acquire('', 3, 'first')
    sync(ledger, { limit: 2, version: 1, rejections: 1, log: [[1, 1]] })
    expect(events).toEqual(['2 instead of 3', 'rejected first heavier'])
  })
})

describe('A release', () => {
  it('is told', () => {
    const ledger = holding()
    kicks = 0
    ledger.release('', 1, 0)
    expect(kicks).toBe(1)
    expect(build(ledger).keys[0]).toMatchObject({ granted: 1, returned: 1 })
  })

  it('of more than is held throws', () => {
    expect(() => holding().release('', 2, 0)).toThrow('weight must be at most the 1 in use; received 2')
  })
})

describe('A push is not applied, but asks for a request,', () => {
  function waiting(): Ledger<string> {
    const ledger = ledgerWith()
    ledger.acquire('', 1, 'first')
    sync(ledger, { queued: 1 })
    kicks = 0
    return ledger
  }

  for (const [when, values] of [
    ['of another epoch', { epoch: 'e2' }],
    ['after rejections not yet read', { rejections: 1 }],
  ] as const) {
    it(when, () => {
      const ledger = waiting()
      ledger.onPush(push({ granted: 1, served: 1, ...values }), 0)
      expect(events).toEqual([])
      expect(kicks).toBe(1)
    })
  }

  it('before this incarnation is confirmed', () => {
    const ledger = ledgerWith()
    ledger.acquire('', 1, 'first')
    build(ledger)
    ledger.onPush(push({ granted: 1, served: 1, epoch: '' }), 0)
    expect(events).toEqual([])
    expect(kicks).toBe(2)
  })

  it('and not even that for a former incarnation', () => {
    const ledger = waiting()
    ledger.onPush(push({ incarnation: 'x.0', granted: 1, served: 1 }), 0)
    expect(events).toEqual([])
    expect(kicks).toBe(0)
  })

  it('and throws for another key than the one there is', () => {
    const ledger = waiting()
    expect(() => ledger.onPush(push({ key: 'a', granted: 1 }), 0)).toThrow(WireError)
    expect(ledger.keys).toBe(1)
  })

  it('after the end of the lease', () => {
    const ledger = waiting()
    ledger.onPush(push({ granted: 1, served: 1 }), LEASE)
    expect(events).toEqual([])
    expect(ledger.waiting()).toBe(1)
  })
})

describe('The lease', () => {
  it('ends a lease after the last request that was answered was sent', () => {
    const ledger = ledgerWith()
    ledger.acquire('', 1, 'first')
    const request = build(ledger, 100)
    ledger.onReply(request, ok(request, { granted: 1, served: 1 }), 5000)
    events = []
    expect(ledger.due).toBe(100 + LEASE)
    ledger.expire(100 + LEASE - 1)
    expect(events).toEqual([])
    ledger.expire(100 + LEASE)
    expect(events).toEqual(['lost :1'])
  })

  it('when it ends, what is held is reported under a new incarnation until it is released', () => {
    const ledger = holding()
    ledger.acquire('', 2, 'second')
    ledger.expire(LEASE)
    expect(ledger.inUse()).toBe(1)
    expect(build(ledger, LEASE)).toMatchObject({
      incarnation: 'i.1',
      previous: 'i.0',
      registered: false,
      keys: [{ granted: 1, returned: 0, wants: [{ first: 3, count: 1, weight: 2 }], rejections: 0 }],
    })
    ledger.release('', 1, LEASE)
    expect(build(ledger, LEASE).keys[0]).toMatchObject({ granted: 1, returned: 1 })
  })

  it('is over when the server says so', () => {
    const ledger = holding()
    const request = build(ledger)
    ledger.onReply(request, { kind: 'lost', number: request.number, epoch: EPOCH, revision: 200 }, 0)
    expect(events).toEqual(['lost :1'])
    expect(build(ledger).incarnation).toBe('i.1')
  })

  it('is not revived by a reply that comes after its end', () => {
    const ledger = holding()
    ledger.acquire('', 1, 'second')
    const request = build(ledger, LEASE - 1)
    expect(ledger.onReply(request, ok(request, { granted: 2, served: 2 }), LEASE)).toBe(false)
    expect(events).toEqual(['lost :1'])
    expect(ledger.registered).toBe(false)
  })

  it('of a former incarnation holds until the new one is confirmed', () => {
    const ledger = holding({ keyed: true })
    const request = build(ledger, 1000)
    ledger.onReply(request, ok(request, {}, { epoch: 'e2' }), 1000)
    expect(build(ledger, 1000)).toMatchObject({ incarnation: 'i.1', previous: 'i.0' })
    ledger.expire(1000 + LEASE - 1)
    expect(events).toEqual([])
    ledger.expire(1000 + LEASE)
    expect(events).toEqual(['lost :1'])
  })

  it('that ends twice before a request is sent leaves behind the incarnation that the server has', () => {
    const ledger = holding()
    const request = build(ledger)
    ledger.onReply(request, { kind: 'lost', number: request.number, epoch: EPOCH, revision: 200 }, 0)
    ledger.onReply(build(ledger), { kind: 'lost', number: 3, epoch: EPOCH, revision: 201 }, 0)
    expect(build(ledger)).toMatchObject({ incarnation: 'i.2', previous: 'i.1' })
    const other = holding({ keyed: true, lease: 1_000_000 })
    const first = build(other, 0)
    other.onReply(first, ok(first, {}, { epoch: 'e2' }), 0)
    other.expire(1_000_000)
    expect(build(other, 1_000_000)).toMatchObject({ incarnation: 'i.1', previous: 'i.0' })
  })

  it('of an incarnation not confirmed within it is not tried again', () => {
    const ledger = ledgerWith()
    build(ledger, 0)
    expect(build(ledger, LEASE - 1).incarnation).toBe('i.0')
    expect(build(ledger, LEASE)).toMatchObject({ incarnation: 'i.1', previous: 'i.0' })
  })
})

describe('Many keys', () => {
  it('are forgotten when nothing is held, waits or is being cancelled', () => {
    const ledger = ledgerWith({ keyed: true })
    ledger.acquire('a', 1, 'first')
    sync(ledger, { granted: 1, served: 1 })
    ledger.release('a', 1, 0)
    expect(ledger.keys).toBe(1)
    sync(ledger)
    expect(ledger.keys).toBe(0)
    expect(build(ledger).keys).toEqual([])
  })

  it('begin again at the counters of those forgotten', () => {
    const ledger = ledgerWith({ keyed: true })
    ledger.acquire('a', 1, 'first')
    sync(ledger, { granted: 1, served: 1 })
    ledger.release('a', 1, 0)
    sync(ledger)
    ledger.acquire('b', 1, 'second')
    expect(build(ledger).keys[0]).toMatchObject({ granted: 1, returned: 1, wants: [{ first: 2 }] })
  })

  it('that were forgotten give back what a push grants them', () => {
    const ledger = ledgerWith({ keyed: true })
    sync(ledger)
    ledger.onPush(push({ key: 'a', granted: 2, served: 5 }), 0)
    expect(build(ledger).keys[0]).toMatchObject({ key: 'a', granted: 2, returned: 2 })
  })

  it('that are held are reported anew every ten minutes', () => {
    const ledger = ledgerWith({ keyed: true, lease: 1_000_000 })
    ledger.acquire('a', 1, 'first')
    sync(ledger, { granted: 1, served: 1 })
    sync(ledger)
    expect(build(ledger, 599_999).keys).toEqual([])
    expect(build(ledger, 600_000)).toMatchObject({ incarnation: 'i.1', keys: [{ key: 'a', granted: 1 }] })
    expect(events).toEqual(['granted first 101'])
  })

  it('are all in the first request of an incarnation if they are held', () => {
    const ledger = ledgerWith({ keyed: true })
    for (let key = 0; key < 500; key++) ledger.admitLocally(`${key}`, 1)
    expect(build(ledger).keys).toHaveLength(500)
    sync(ledger)
    for (let key = 500; key < 1000; key++) ledger.acquire(`${key}`, 1, 'any')
    expect(build(ledger).keys).toHaveLength(128)
  })
})

describe('The limit', () => {
  it('is that of the server', () => {
    const ledger = ledgerWith()
    sync(ledger, { limit: 7 })
    expect(ledger.limits('').limit).toBe(7)
    expect(events).toEqual(['7 instead of 3'])
    sync(ledger, { limit: 7 })
    expect(events).toHaveLength(1)
  })

  it('is set for all with a higher version, until nobody disagrees', () => {
    const ledger = ledgerWith()
    sync(ledger)
    ledger.resize(undefined, 5)
    expect(build(ledger).keys[0]).toMatchObject({ limit: 5, version: 1 })
    sync(ledger, { limit: 9, version: 1 })
    expect(build(ledger).keys[0]).toMatchObject({ limit: 5, version: 2 })
    sync(ledger)
    sync(ledger, { limit: 9, version: 3 })
    expect(ledger.limits('').limit).toBe(9)
  })
})

describe('A limit of 0', () => {
  it('is a pause: nobody is too heavy, and all wait', () => {
    const ledger = ledgerWith()
    sync(ledger, { limit: 0 })
    const want = ledger.acquire('', 5, 'heavy')
    expect(want.state).toBe('waiting')
  })
})

describe('Degraded mode', () => {
  it('reports what was admitted without the server', () => {
    const ledger = ledgerWith()
    ledger.admitLocally('', 2)
    expect(build(ledger).keys[0]).toMatchObject({ granted: 2, returned: 0 })
    ledger.release('', 2, 0)
    expect(build(ledger).keys[0]).toMatchObject({ granted: 2, returned: 2 })
  })
})

describe('Local-first mode', () => {
  it('keeps what is given back for the next acquire, without a request', () => {
    const ledger = holding({ local: true })
    kicks = 0
    ledger.release('', 1, 0)
    expect(ledger.tryAcquire('', 1, 10)).toBe(101)
    expect(ledger.inUse()).toBe(1)
    expect(kicks).toBe(0)
  })

  it('gives back after 50 ms what nobody used meanwhile', () => {
    const ledger = holding({ local: true })
    ledger.release('', 1, 0)
    expect(ledger.due).toBe(50)
    ledger.expire(49)
    expect(build(ledger, 49).keys[0]?.returned).toBe(0)
    ledger.expire(50)
    expect(build(ledger, 50).keys[0]?.returned).toBe(1)
  })

  it('keeps nothing while others wait', () => {
    const ledger = holding({ local: true })
    ledger.release('', 1, 0)
    ledger.onPush(push({ granted: 1, served: 1, pressure: true }), 10)
    expect(build(ledger, 10).keys[0]?.returned).toBe(1)
    expect(ledger.tryAcquire('', 1, 10)).toBeUndefined()
  })

  it('believes the latest word on whether others wait, in whatever order they come', () => {
    const ledger = holding({ local: true })
    ledger.onPush(push({ granted: 1, served: 1, pressure: true, revision: 700 }), 0)
    ledger.onPush(push({ granted: 1, served: 1, pressure: false, revision: 600 }), 0)
    ledger.release('', 1, 0)
    expect(build(ledger).keys[0]?.returned).toBe(1)
  })

  it('keeps nothing while somebody waits here', () => {
    const ledger = holding({ local: true })
    ledger.release('', 1, 0)
    ledger.acquire('', 2, 'second')
    expect(ledger.tryAcquire('', 1, 10)).toBeUndefined()
    expect(build(ledger, 10).keys[0]?.returned).toBe(1)
  })

  it('keeps nothing above a limit that was lowered, here or elsewhere', () => {
    for (const lower of [
      (ledger: Ledger<string>) => ledger.resize(undefined, 0),
      (ledger: Ledger<string>) => sync(ledger, { granted: 1, served: 1, limit: 0, version: 1 }, 10),
    ]) {
      const ledger = holding({ local: true })
      ledger.release('', 1, 0)
      lower(ledger)
      expect(ledger.tryAcquire('', 1, 10)).toBeUndefined()
      expect(build(ledger, 10).keys[0]?.returned).toBe(1)
    }
  })

  it('gives back at once what comes back above a limit lowered meanwhile', () => {
    const ledger = holding({ local: true })
    sync(ledger, { granted: 1, served: 1, limit: 0, version: 1 })
    ledger.release('', 1, 0)
    expect(build(ledger).keys[0]?.returned).toBe(1)
  })

  it('is off unless asked for', () => {
    const ledger = holding()
    ledger.release('', 1, 0)
    expect(ledger.tryAcquire('', 1, 0)).toBeUndefined()
  })
})

describe('Closing', () => {
  it('rejects who waits, and says goodbye after the last release', () => {
    const ledger = holding()
    ledger.acquire('', 1, 'second')
    ledger.close()
    expect(events).toEqual(['rejected second closed'])
    expect(sync(ledger).bye).toBe(false)
    ledger.release('', 1, 0)
    expect(sync(ledger).bye).toBe(true)
    expect(ledger.closed).toBe(true)
    expect(ledger.build(0)).toBeUndefined()
    expect(() => ledger.acquire('', 1, 'third')).toThrow('The ledger is closed')
  })
})

it('is not slowed down by those who wait', () => {
  const ledger = ledgerWith({ limits: { limit: 1, capacity: Infinity } })
  const wants: Want<string>[] = []
  for (let count = 0; count < 50_000; count++) wants.push(ledger.acquire('', 1, 'any'))
  const start = performance.now()
  for (let served = 1; served <= 20_000; served++) {
    const request = build(ledger)
    const wanted = Math.max(request.keys[0]?.wanted ?? 0, served)
    ledger.onReply(request, ok(request, { granted: served, served, wanted, queued: wanted - served }), 0)
    ledger.release('', 1, 0)
  }
  for (const want of wants) ledger.cancel(want)
  // About 100 ms; 20,000 times through all of them would be 10^9 steps.
  expect(performance.now() - start).toBeLessThan(5000)
  expect(ledger.waiting()).toBe(0)
})
