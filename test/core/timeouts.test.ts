import { spawn } from 'node:child_process'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BoundedSemaphore, type Clock, Semaphore } from '@lineclear/core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ask, flush, outcomes, take, VirtualClock } from './helpers.ts'

const LONGEST_TIMER = 2 ** 31 - 1

function full(options: { clock?: Clock; timeout?: number } = {}): BoundedSemaphore {
  const semaphore = new BoundedSemaphore(1, options)
  take(semaphore)
  return semaphore
}

describe("a time-out on the platform's clock", () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('rejects when its time is up, and not before', async () => {
    const waiter = ask(full(), { timeout: 100 })
    await vi.advanceTimersByTimeAsync(99)
    expect(waiter.outcome).toBe('pending')
    await vi.advanceTimersByTimeAsync(1)
    expect(waiter.outcome).toBe('timeout')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('may be longer than a timer of the platform', async () => {
    const timeout = 3 * LONGEST_TIMER
    const waiter = ask(full(), { timeout })
    await vi.advanceTimersByTimeAsync(timeout - 1)
    expect(waiter.outcome).toBe('pending')
    await vi.advanceTimersByTimeAsync(1)
    expect(waiter.outcome).toBe('timeout')
  })

  test('that is endless sets no timer', () => {
    ask(full({ timeout: Infinity }))
    ask(full({ timeout: 100 }), { timeout: Infinity })
    expect(vi.getTimerCount()).toBe(0)
  })

  test('that did not happen is forgotten once its time has passed', async () => {
    const semaphore = full()
    ask(semaphore, { timeout: 100 })
    semaphore.release()
    await vi.advanceTimersByTimeAsync(100)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('time-outs', () => {
  test('of many lengths expire each in its time, shortest first', async () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock })
    const log: number[] = []
    for (const timeout of [500, 100, 400, 200, 300]) {
      void ask(semaphore, { timeout }).settled.then(() => log.push(timeout))
    }
    for (const expected of [[], [100], [100, 200], [100, 200, 300], [100, 200, 300, 400]]) {
      clock.advance(99)
      await flush()
      expect(log).toEqual(expected)
      clock.advance(1)
    }
    await flush()
    expect(log).toEqual([100, 200, 300, 400, 500])
    expect(semaphore.waiting).toBe(0)
    expect(clock.timers).toBe(0)
  })

  test('of one length that began at different times each last as long', async () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock, timeout: 100 })
    const first = ask(semaphore)
    clock.advance(60)
    const second = ask(semaphore)
    clock.advance(40)
    await flush()
    expect(outcomes([first, second])).toEqual(['timeout', 'pending'])
    clock.advance(59)
    await flush()
    expect(second.outcome).toBe('pending')
    clock.advance(1)
    expect(await second.settled).toBe('timeout')
  })

  test('are not cut short by the timer of a waiter that went in', async () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock, timeout: 100 })
    ask(semaphore)
    semaphore.release()
    clock.advance(60)
    const waiter = ask(semaphore)
    clock.advance(99)
    await flush()
    expect(waiter.outcome).toBe('pending')
    clock.advance(1)
    expect(await waiter.settled).toBe('timeout')
  })

  test('survive the first of their length leaving', async () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock, timeout: 100 })
    const controller = new AbortController()
    ask(semaphore, { signal: controller.signal })
    clock.advance(10)
    const waiter = ask(semaphore)
    controller.abort()
    clock.advance(99)
    await flush()
    expect(waiter.outcome).toBe('pending')
    clock.advance(1)
    expect(await waiter.settled).toBe('timeout')
  })

  test('of the same length begin afresh after a long quiet time', async () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock, timeout: 100 })
    for (let round = 0; round < 3; round++) {
      const waiter = ask(semaphore)
      clock.advance(99)
      await flush()
      expect(waiter.outcome).toBe('pending')
      clock.advance(1)
      expect(await waiter.settled).toBe('timeout')
      clock.advance(1000)
    }
  })

  test('of a fraction of a millisecond are not early either', async () => {
    const clock = new VirtualClock()
    const waiter = ask(full({ clock }), { timeout: 10.5 })
    clock.advance(10)
    await flush()
    expect(waiter.outcome).toBe('pending')
    clock.advance(1)
    expect(await waiter.settled).toBe('timeout')
    expect(clock.timersSet).toBe(1)
  })

  test('are over when their timer rings, though the clock has not come so far', async () => {
    let ring = (): void => {}
    const clock: Clock = {
      now: () => 0,
      setTimer: (callback) => {
        ring = callback
        return () => {}
      },
    }
    const semaphore = full({ clock })
    const waiters = [100, 100].map((timeout) => ask(semaphore, { timeout }))
    ring()
    await flush()
    expect(outcomes(waiters)).toEqual(['timeout', 'timeout'])
  })

  test('work under fake timers that leave the clock alone', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const semaphore = full({ timeout: 5000 })
      const [early, late] = [ask(semaphore), ask(semaphore, { timeout: 9000 })]
      vi.advanceTimersByTime(5000)
      await flush()
      expect(outcomes([early, late])).toEqual(['timeout', 'pending'])
      vi.advanceTimersByTime(4000)
      await flush()
      expect(late.outcome).toBe('timeout')
    } finally {
      vi.useRealTimers()
    }
  })

  test('set under fake timers and left leave nothing that keeps later ones from ringing', async () => {
    const semaphore = full()
    vi.useFakeTimers()
    const controller = new AbortController()
    ask(semaphore, { timeout: 1, signal: controller.signal })
    controller.abort()
    vi.useRealTimers()
    expect(await ask(semaphore, { timeout: 1 }).settled).toBe('timeout')
  })

  test('never ask for a timer longer than platforms have', async () => {
    const clock = new VirtualClock()
    const setTimer = vi.spyOn(clock, 'setTimer')
    const waiter = ask(full({ clock }), { timeout: Number.MAX_VALUE })
    for (let round = 0; round < 3; round++) {
      expect(setTimer).toHaveBeenLastCalledWith(expect.any(Function), LONGEST_TIMER)
      clock.advance(LONGEST_TIMER)
    }
    await flush()
    expect(waiter.outcome).toBe('pending')
  })

  test('of lengths that do not come back leave nothing in memory', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const inner = new VirtualClock()
    const rings: WeakRef<() => void>[] = []
    const clock: Clock = {
      now: () => inner.now(),
      setTimer: (ring, ms) => {
        rings.push(new WeakRef(ring))
        return inner.setTimer(ring, ms)
      },
    }
    const semaphore = full({ clock })
    for (const timeout of [10, 20, 30]) ask(semaphore, { timeout })
    inner.advance(30)
    await flush()
    collect()
    expect(rings.map((ring) => ring.deref())).toEqual([undefined, undefined, undefined])
    expect(semaphore.waiting).toBe(0)
  })

  test('do not touch a waiter that was handed its permit, even one that has yet to run', async () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock, timeout: 100 })
    const waiter = ask(semaphore)
    semaphore.release()
    clock.advance(1000)
    expect(await waiter.settled).toBe('permit')
    clock.advance(1000)
    expect(semaphore.inUse).toBe(1)
  })

  test('of a heavy head let those behind it in', async () => {
    const clock = new VirtualClock()
    const semaphore = new BoundedSemaphore(2, { clock, timeout: 100 })
    take(semaphore)
    const heavy = ask(semaphore, { weight: 2 })
    const light = ask(semaphore)
    clock.advance(100)
    await flush()
    expect(outcomes([heavy, light])).toEqual(['timeout', 'permit'])
  })

  test('of 0 are refused before the queue is looked at', async () => {
    const semaphore = new BoundedSemaphore(0, { queue: 0, timeout: 0 })
    expect(await ask(semaphore).settled).toBe('timeout')
    expect(await ask(semaphore, { timeout: 1 }).settled).toBe('full')
  })

  test('of 0 take a spare permit though a woken waiter has yet to run', async () => {
    const semaphore = new Semaphore(0)
    ask(semaphore)
    semaphore.release(2)
    expect(await ask(semaphore, { timeout: 0 }).settled).toBe('permit')
  })

  test('are shown by the semaphore', () => {
    expect(new Semaphore().timeout).toBeUndefined()
    expect(new BoundedSemaphore(1, { timeout: 5 }).timeout).toBe(5)
  })
})

describe('a timer', () => {
  test('is cancelled with the last wait it was set for, whatever the lengths', () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock })
    const controller = new AbortController()
    for (let timeout = 1000; timeout < 2000; timeout++) ask(semaphore, { timeout, signal: controller.signal })
    expect(clock.timers).toBe(1000)
    controller.abort()
    expect(clock.timers).toBe(0)
  })

  test('keeps the process alive only while somebody waits for it', () => {
    const clock = new VirtualClock()
    const semaphore = full({ clock, timeout: 100 })
    ask(semaphore)
    expect(clock.timers).toBe(1)
    semaphore.release()
    expect(clock.timers).toBe(0)
    const controller = new AbortController()
    ask(semaphore, { signal: controller.signal })
    expect(clock.timers).toBe(1)
    controller.abort()
    expect(clock.timers).toBe(0)
  })

  /** What a program prints, and its exit code: `null` if it had to be stopped. */
  async function runProgram(program: string): Promise<{ printed: string; code: number | null }> {
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program]
    const child = spawn(process.execPath, args, { timeout: 15_000, stdio: ['ignore', 'pipe', 'inherit'] })
    let printed = ''
    child.stdout.setEncoding('utf8').on('data', (text) => {
      printed += text
    })
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
    return { printed, code }
  }

  const program = `
    import { BoundedSemaphore } from '@lineclear/core'
    const semaphore = new BoundedSemaphore(1)
    const permit = semaphore.tryAcquire()
    const print = (error) => console.log(error.reason)
  `

  test('of a wait that is over lets the process end', async () => {
    const outcome = await runProgram(`${program}
      const waiter = semaphore.acquire({ timeout: 3_600_000 })
      permit.release()
      await waiter
      console.log('done')
    `)
    expect(outcome).toEqual({ printed: 'done\n', code: 0 })
  })

  test('of somebody who still waits keeps the process until its time is up', async () => {
    const outcome = await runProgram(`${program}
      semaphore.acquire({ timeout: 50 }).catch(print)
    `)
    expect(outcome).toEqual({ printed: 'timeout\n', code: 0 })
  })

  test('left over from an earlier wait keeps the process for a later one', async () => {
    const outcome = await runProgram(`${program}
      const waiter = semaphore.acquire({ timeout: 50 })
      permit.release()
      await waiter
      semaphore.acquire({ timeout: 50 }).catch(print)
    `)
    expect(outcome).toEqual({ printed: 'timeout\n', code: 0 })
  })
})
