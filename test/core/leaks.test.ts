import { getEventListeners } from 'node:events'
import {
  type AcquireRequest,
  BoundedSemaphore,
  byPriority,
  fair,
  fifo,
  lifo,
  type Permit,
  type Queue,
} from '@lineclear/core'
import { describe, expect, test } from 'vitest'
import { Traces } from '../traces.ts'
import { type Asked, ask, askTimes, flush, outcomes, take, VirtualClock } from './helpers.ts'

/** A semaphore that lasts, and requests that must leave no trace of themselves in it. */
class Stay {
  readonly traces = new Traces()
  readonly clock = new VirtualClock()
  readonly semaphore: BoundedSemaphore
  /** Outlives the requests that wait with it. */
  readonly lasting: AbortSignal = new AbortController().signal
  readonly #controllers: AbortController[] = []
  readonly #permits: Permit[] = []
  #listeners = 0

  constructor(queue: Queue = fifo()) {
    this.semaphore = new BoundedSemaphore(2, { queue: this.#traced(queue), clock: this.clock })
    this.#permits.push(take(this.semaphore, { weight: 2 }))
  }

  signal(): AbortSignal {
    const controller = new AbortController()
    this.#controllers.push(controller)
    return this.traces.note('signal', controller.signal)
  }

  abort(): void {
    for (const controller of this.#controllers) controller.abort(this.traces.note('reason', {}))
    this.#letGo()
  }

  ask(request?: AcquireRequest): void {
    const promise = this.traces.note('promise', this.semaphore.acquire(request))
    promise.then(
      (permit) => this.#permits.push(this.traces.note('permit', permit)),
      (error: object) => this.traces.note('error', error),
    )
  }

  release(): void {
    for (const permit of this.#permits.splice(0)) permit.release()
  }

  /** What is still there, once all who waited have come and gone. */
  async remains(): Promise<string[]> {
    await flush()
    while (this.#permits.length > 0) {
      this.release()
      await flush()
    }
    this.#letGo()
    const remains = await this.traces.remains()
    const listeners = this.#listeners + getEventListeners(this.lasting, 'abort').length
    if (listeners > 0) remains.push('listener')
    if (this.clock.timers > 0) remains.push('timer')
    return remains
  }

  /** Counts what listens to the signals, and keeps them no longer. */
  #letGo(): void {
    for (const { signal } of this.#controllers.splice(0)) {
      this.#listeners += getEventListeners(signal, 'abort').length
    }
  }

  #traced(queue: Queue): Queue {
    const { traces } = this
    return {
      get size() {
        return queue.size
      },
      push: (waiter) => queue.push(traces.note('waiter', waiter)),
      peek: () => queue.peek(),
      remove: (waiter) => queue.remove(waiter),
      serve: (waiter) => (queue.serve === undefined ? queue.remove(waiter) : queue.serve(waiter)),
      attach: (host) => queue.attach?.(host),
    }
  }
}

describe('nothing is left of a request', () => {
  test('that found a permit free', async () => {
    const stay = new Stay()
    stay.release()
    stay.ask({ signal: stay.signal(), timeout: 100 })
    expect(await stay.remains()).toEqual([])
  })

  test('that waited and went in', async () => {
    const stay = new Stay()
    stay.ask()
    stay.ask({ signal: stay.signal(), timeout: 100 })
    stay.ask({ signal: stay.lasting, timeout: 100 })
    stay.ask({ signal: stay.lasting, weight: 2 })
    expect(await stay.remains()).toEqual([])
  })

  test('that came while one before it had yet to be told', async () => {
    const stay = new Stay()
    stay.ask({ signal: stay.lasting })
    stay.release()
    stay.ask({ signal: stay.signal() })
    expect(await stay.remains()).toEqual([])
  })

  test('that gave up', async () => {
    const stay = new Stay()
    stay.ask({ signal: stay.signal(), timeout: 100 })
    stay.abort()
    expect(await stay.remains()).toEqual([])
  })

  test('that gave up between the grant and the telling', async () => {
    const stay = new Stay()
    stay.ask({ signal: stay.signal(), timeout: 100 })
    stay.release()
    stay.abort()
    expect(await stay.remains()).toEqual([])
  })

  test('that had given up before it came', async () => {
    const stay = new Stay()
    stay.ask({ signal: stay.traces.note('signal', AbortSignal.abort()), timeout: 100 })
    expect(await stay.remains()).toEqual([])
  })

  test('that timed out', async () => {
    const stay = new Stay()
    stay.ask({ signal: stay.signal(), timeout: 100 })
    stay.ask({ signal: stay.lasting, timeout: 100 })
    stay.clock.advance(100)
    expect(await stay.remains()).toEqual([])
  })

  test('that a newcomer evicted', async () => {
    const stay = new Stay(lifo(1))
    stay.ask({ signal: stay.signal(), timeout: 100 })
    stay.ask({ signal: stay.lasting, timeout: 100 })
    stay.ask()
    expect(await stay.remains()).toEqual([])
  })

  test('that a lowered limit evicted', async () => {
    const stay = new Stay()
    stay.ask({ signal: stay.signal(), timeout: 100, weight: 2 })
    stay.semaphore.resize(1)
    expect(await stay.remains()).toEqual([])
  })

  test('that a full queue refused', async () => {
    const stay = new Stay(fifo(0))
    stay.ask({ signal: stay.signal(), timeout: 100 })
    stay.ask({ signal: stay.lasting })
    expect(await stay.remains()).toEqual([])
  })

  test('that was turned away by a close, or came after it', async () => {
    const stay = new Stay()
    stay.ask({ signal: stay.signal(), timeout: 100 })
    stay.ask({ signal: stay.lasting, timeout: 100 })
    stay.semaphore.close()
    stay.ask({ signal: stay.signal(), timeout: 100 })
    expect(await stay.remains()).toEqual([])
  })

  test('while others go on waiting with the same signal and time-out', async () => {
    const stay = new Stay()
    const others = [ask(stay.semaphore, { signal: stay.lasting, timeout: 500 })]
    stay.ask({ signal: stay.signal(), timeout: 500 })
    stay.ask({ signal: stay.lasting, timeout: 100 })
    others.push(ask(stay.semaphore, { signal: stay.lasting, timeout: 500 }))
    stay.abort()
    stay.clock.advance(100)
    expect(await stay.traces.remains()).toEqual(['waiter', 'waiter'])
    expect(outcomes(others)).toEqual(['pending', 'pending'])
    expect(getEventListeners(stay.lasting, 'abort')).toHaveLength(1)
    expect(stay.clock.timers).toBe(1)
    expect(await stay.remains()).toEqual([])
  })
})

describe.each<[string, (limit: number) => Queue]>([
  ['byPriority', (limit) => byPriority({ limit, aging: 50 })],
  ['fair', (limit) => fair({ limit })],
])('nothing is left by %s of a request', (_, queue) => {
  test('that waited and went in, gave up or timed out, while others of its key and priority wait', async () => {
    const stay = new Stay(queue(100))
    const others = [0, 1].map((priority) =>
      ask(stay.semaphore, { priority, key: `${priority}`, timeout: 500 }),
    )
    for (const priority of [0, 1, 2]) {
      stay.ask({ signal: stay.signal(), timeout: 100, priority, key: `${priority}` })
      stay.ask({ signal: stay.lasting, timeout: 100, priority, key: `${priority}` })
    }
    stay.abort()
    stay.clock.advance(100)
    expect(await stay.traces.remains()).toEqual(['waiter', 'waiter'])
    expect(outcomes(others)).toEqual(['pending', 'pending'])
    expect(await stay.remains()).toEqual([])
  })

  test('that it refused, or that a newcomer evicted', async () => {
    const stay = new Stay(queue(2))
    for (const priority of [0, 0, 1, 1, 2, 0]) {
      stay.ask({ signal: stay.signal(), timeout: 100, priority, key: `${priority}` })
    }
    expect(await stay.remains()).toEqual([])
  })
})

test('a permit that is kept after its release keeps no semaphore', async () => {
  const traces = new Traces()
  const spent = ((): Permit => {
    const permit = take(traces.note('semaphore', new BoundedSemaphore(1)))
    permit.release()
    return permit
  })()
  expect(await traces.remains()).toEqual([])
  spent.release()
})

test('a signal that lasts keeps no semaphore that nobody waits for', async () => {
  const traces = new Traces()
  const { signal } = new AbortController()
  const waiters = ((): Asked[] => {
    const semaphore = traces.note('semaphore', new BoundedSemaphore(0))
    const waiters = askTimes(2, semaphore, { signal, timeout: 1_000_000 })
    semaphore.close()
    return waiters
  })()
  expect(await traces.remains()).toEqual([])
  expect(outcomes(waiters)).toEqual(['closed', 'closed'])
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

describe("the platform's timer", () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length

  // Nothing else runs in between.
  test.each<[how: string, leave: (semaphore: BoundedSemaphore, abort: () => void) => void]>([
    ['goes in', (semaphore) => semaphore.release()],
    ['gives up', (_, abort) => abort()],
    ['is turned away', (semaphore) => semaphore.close()],
  ])('is gone when the last who waits with it %s', (_, leave) => {
    const semaphore = new BoundedSemaphore(1)
    take(semaphore)
    const before = timers()
    const controller = new AbortController()
    ask(semaphore, { signal: controller.signal, timeout: 1_000_000 })
    expect(timers()).toBe(before + 1)
    leave(semaphore, () => controller.abort())
    expect(timers()).toBe(before)
  })
})
