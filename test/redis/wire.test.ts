import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  channelOf,
  decodePush,
  decodeReply,
  encode,
  type KeyReply,
  type SyncReply,
  type SyncRequest,
  WireError,
} from '../../packages/redis/src/wire.ts'

const count = fc.maxSafeNat()
const word = fc.stringMatching(/^[!-~]{1,20}$/)
const limit = fc.oneof(fc.nat(), fc.constant(Infinity))

const keyReply: fc.Arbitrary<KeyReply> = fc.record({
  granted: count,
  served: count,
  rejections: count,
  log: fc.array(fc.tuple(fc.nat(), fc.nat()).map(([first, more]) => [first, first + more] as const)),
  wanted: count,
  queued: count,
  gap: fc.boolean(),
  limit,
  capacity: limit,
  version: count,
  waiting: count,
  pressure: fc.boolean(),
})

const okReply = fc.record({
  kind: fc.constant('ok' as const),
  number: count,
  epoch: word,
  revision: count,
  instances: count,
  learning: count,
  keys: fc.array(keyReply, { maxLength: 4 }),
})

/** As the script writes it; `as` is how the client hands over whole numbers. */
function written(reply: SyncReply & { kind: 'ok' }, as: (value: number) => unknown): unknown {
  const whole = (value: number | boolean): unknown => as(value === Infinity ? 10 ** 15 : Number(value))
  const keys = reply.keys.map((key) => [
    whole(key.granted),
    whole(key.served),
    whole(key.rejections),
    key.log.map((run) => run.join('-')).join(','),
    whole(key.wanted),
    whole(key.queued),
    whole(key.gap),
    whole(key.limit),
    whole(key.capacity),
    whole(key.version),
    whole(key.waiting),
    whole(key.pressure),
  ])
  const { number, epoch, revision, instances, learning } = reply
  return [as(0), whole(number), epoch, whole(revision), whole(instances), whole(learning), keys]
}

describe('A reply', () => {
  it('is read as it was written, whether the client gives numbers, text or bigints', () => {
    for (const as of [(value: number) => value, String, BigInt]) {
      fc.assert(
        fc.property(okReply, (reply) => {
          expect(decodeReply(written(reply, as), reply.keys.length)).toEqual(reply)
        }),
      )
    }
  })

  it('may say that the incarnation is lost, or the request old', () => {
    expect(decodeReply([1, 7, 'e', 9], 1)).toEqual({ kind: 'lost', number: 7, epoch: 'e', revision: 9 })
    expect(decodeReply([2, 7], 1)).toEqual({ kind: 'old', number: 7 })
  })

  it('for another number of keys is refused', () => {
    expect(() => decodeReply([0, 1, 'e', 1, 1, 0, []], 1)).toThrow('The reply has 0 keys; 1 were sent')
  })

  it('with any field spoilt is refused with a WireError', () => {
    const spoilt = fc.constantFrom<unknown>(null, undefined, -1, 0.5, NaN, Infinity, {}, 'x y-', true, -1n)
    fc.assert(
      fc.property(okReply, fc.nat({ max: 6 }), fc.nat({ max: 11 }), spoilt, (reply, field, inner, value) => {
        const raw = written(reply, (whole) => whole) as unknown[]
        const keys = raw[6] as unknown[][]
        if (field === 6 && keys[0] !== undefined) keys[0][inner] = value
        else raw[field] = value
        // Any text will do for an epoch.
        fc.pre(!(field === 2 && typeof value === 'string'))
        expect(() => decodeReply(raw, reply.keys.length)).toThrow(WireError)
      }),
    )
  })

  it('that is anything at all is read or refused with a WireError', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true }), (raw) => {
        try {
          decodeReply(raw, 1)
        } catch (error) {
          expect(error).toBeInstanceOf(WireError)
        }
      }),
    )
  })
})

describe('A push', () => {
  it('is read as the script writes it, whatever the key contains', () => {
    const push = fc.record({
      incarnation: word,
      epoch: word,
      revision: count,
      granted: count,
      served: count,
      rejections: count,
      pressure: fc.boolean(),
      key: fc.oneof(fc.string(), fc.constantFrom('', ' ', 'a b', 'a\nb', '1 2 3')),
    })
    fc.assert(
      fc.property(push, (sent) => {
        const { incarnation, epoch, revision, granted, served, rejections, pressure, key } = sent
        const fields = [incarnation, epoch, revision, granted, served, rejections, Number(pressure), key]
        expect(decodePush(fields.join(' '))).toEqual(sent)
      }),
    )
  })

  it('that is none is refused with a WireError', () => {
    for (const raw of [
      '',
      'a b 1 2 3 4',
      'a b 1 2 3 4 2 k',
      'a b 1 2 3 -4 1 k',
      'a b 99999999999999999 2 3 4 1 k',
      7,
      null,
    ]) {
      expect(() => decodePush(raw), String(raw)).toThrow(WireError)
    }
  })
})

describe('A request', () => {
  const request: SyncRequest = {
    incarnation: 'abc.0',
    number: 3,
    registered: true,
    epoch: 'e',
    revision: 1_700_000_000_123_456,
    confirmed: 2,
    previous: '',
    lease: 10_000,
    keyed: true,
    local: false,
    bye: false,
    keys: [
      {
        key: 'a b',
        granted: 5,
        returned: 4,
        served: 6,
        rejections: 1,
        acknowledged: 7,
        wanted: 12,
        limit: Infinity,
        capacity: 100,
        version: 1,
        wants: [
          { first: 8, count: 3, weight: 1 },
          { first: 12, count: 1, weight: 2 },
        ],
        cancels: [
          { sequence: 6, weight: 1 },
          { sequence: 7, weight: 2 },
        ],
      },
    ],
  }

  it('names all its keys, in one slot', () => {
    expect(encode('{lineclear:api}', request).keys).toEqual([
      '{lineclear:api}:m',
      '{lineclear:api}:e',
      '{lineclear:api}:s:a b',
      '{lineclear:api}:q:a b',
    ])
  })

  it('is written as the script reads it', () => {
    const own = 'abc.0 3 1 e 1700000000123456 2  10000 1 0 0 {t}:p:'.split(' ')
    const key = '5 4 6 1 7 12 1000000000000000 100 1 8,3,1;12,1,2 6:1,7:2'.split(' ')
    expect(encode('{t}', request).args).toEqual([...own, 'a b', ...key])
    expect(channelOf('{t}', 'abc')).toBe('{t}:p:abc')
  })
})
