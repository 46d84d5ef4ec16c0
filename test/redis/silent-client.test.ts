import { type RedisClient, type RedisLimiter, type RedisLimiterOptions, redisLimiter } from '@lineclear/redis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ask } from '../core/helpers.ts'

// A client whose server never answers, on simulated time.
describe('A limiter whose Redis never answers', () => {
  let sent: ((error: Error) => void)[]
  let warnings: string[]
  let limiter: RedisLimiter

  beforeEach(() => {
    vi.useFakeTimers()
    sent = []
    warnings = []
    vi.spyOn(console, 'warn').mockImplementation((text) => warnings.push(String(text)))
  })

  afterEach(async () => {
    const closed = limiter.close()
    await vi.advanceTimersByTimeAsync(60_000)
    await closed
    vi.useRealTimers()
    vi.restoreAllMocks()
  })

  function make(options: Partial<RedisLimiterOptions> = {}): RedisLimiter {
    const send = () => new Promise<never>((_, reject) => sent.push(reject))
    const client = {
      evalsha: send,
      eval: send,
      duplicate: () => {
        throw new Error('no connection')
      },
    }
    limiter = redisLimiter(client as RedisClient, { name: 'silent', limit: 4, lease: 600, ...options })
    return limiter
  }

  test('refuses what is heavier than it may give out by itself, and lets those behind it in', async () => {
    const limiter = make({ localLimit: 1 })
    const heavy = ask(limiter, { weight: 2 })
    const light = ask(limiter)
    await vi.advanceTimersByTimeAsync(200)
    expect([heavy.outcome, light.outcome]).toEqual(['closed', 'permit'])
    await expect(limiter.acquire({ weight: 2 })).rejects.toMatchObject({
      reason: 'closed',
      cause: expect.objectContaining({ message: 'Redis did not answer within 100 ms' }),
    })
    light.release()
  })

  test('lets requests wait at a limit of 0, which is a pause', async () => {
    const limiter = make({ limit: 0 })
    const waiter = ask(limiter)
    await vi.advanceTimersByTimeAsync(1000)
    expect(waiter.outcome).toBe('pending')
    limiter.resize(1)
    await vi.advanceTimersByTimeAsync(0)
    expect(waiter.outcome).toBe('permit')
    waiter.release()
  })

  test('leaves no more than eight requests with its client', async () => {
    const limiter = make()
    const request = ask(limiter)
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(sent).toHaveLength(8)
    sent[0]?.(new Error('given up'))
    await vi.advanceTimersByTimeAsync(1000)
    expect(sent).toHaveLength(9)
    request.release()
  })

  test('says so on the console, once, where nobody listens', async () => {
    const limiter = make()
    const request = ask(limiter)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(warnings).toEqual([
      'lineclear: silent: Redis does not answer, so it is local: Error: Redis did not answer within 100 ms',
    ])
    request.release()
  })

  test('says nothing on the console where somebody listens', async () => {
    const onDegraded = vi.fn()
    const request = ask(make({ onDegraded }))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(warnings).toEqual([])
    expect(onDegraded).toHaveBeenCalledTimes(1)
    request.release()
  })
})
