import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Connection, type ConnectionEvents, Subscriber } from '../../packages/redis/src/subscriber.ts'
import { flush } from '../core/helpers.ts'

const CHECK_EVERY = 1_000

class FakeConnection implements Connection {
  readonly events: ConnectionEvents
  readonly ready: Promise<void>
  readonly asked: string[] = []
  isClosed = false
  isAstray = false
  pings = 0
  readonly #world: World

  constructor(events: ConnectionEvents, world: World) {
    this.events = events
    this.#world = world
    this.ready = world.reachable
  }

  async subscribe(channel: string): Promise<void> {
    this.asked.push(channel)
    await this.#world.subscribed
    if (this.#world.forbidden.has(channel)) throw new Error('NOPERM')
  }

  async unsubscribe(): Promise<void> {
    throw new Error('nobody is to hear of it')
  }

  ping(): Promise<void> {
    this.pings++
    return this.#world.answer
  }

  astray(): boolean {
    return this.isAstray
  }

  close(): void {
    this.isClosed = true
  }
}

interface World {
  reachable: Promise<void>
  answer: Promise<void>
  subscribed: Promise<void>
  forbidden: Set<string>
}

let world: World
let connections: FakeConnection[]
let subscriber: Subscriber

const never = new Promise<void>(() => {})
const latest = () => connections.at(-1) as FakeConnection

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  world = {
    reachable: Promise.resolve(),
    answer: Promise.resolve(),
    subscribed: Promise.resolve(),
    forbidden: new Set(),
  }
  connections = []
  subscriber = new Subscriber((events) => {
    connections.push(new FakeConnection(events, world))
    return latest()
  }, CHECK_EVERY)
})

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function listen(channel: string) {
  const onMessage = vi.fn()
  const onSubscribed = vi.fn()
  return { onMessage, onSubscribed, stop: subscriber.subscribe(channel, onMessage, onSubscribed) }
}

test('a connection that answers is kept', async () => {
  const { onSubscribed, stop } = listen('a')
  for (let checks = 0; checks < 10; checks++) await vi.advanceTimersByTimeAsync(CHECK_EVERY)
  expect(connections).toHaveLength(1)
  expect(latest().pings).toBe(10)
  expect(onSubscribed).toHaveBeenCalledTimes(1)
  stop()
  expect(latest().isClosed).toBe(true)
})

test('an error is an answer too', async () => {
  world.answer = Promise.reject(new Error('NOPERM'))
  world.answer.catch(() => {})
  const { stop } = listen('a')
  await vi.advanceTimersByTimeAsync(CHECK_EVERY * 5)
  expect(connections).toHaveLength(1)
  stop()
})

test('a connection that no longer answers is replaced', async () => {
  const { onSubscribed, stop } = listen('a')
  await flush()
  world.answer = never
  await vi.advanceTimersByTimeAsync(CHECK_EVERY * 2)
  expect(connections[0]?.isClosed).toBe(true)
  world.answer = Promise.resolve()
  await vi.advanceTimersByTimeAsync(CHECK_EVERY)
  expect(connections).toHaveLength(2)
  expect(onSubscribed).toHaveBeenCalledTimes(2)
  stop()
})

test('a connection that never becomes ready is replaced', async () => {
  world.reachable = never
  const { onSubscribed, stop } = listen('a')
  await vi.advanceTimersByTimeAsync(CHECK_EVERY)
  expect(connections[0]?.isClosed).toBe(true)
  world.reachable = Promise.resolve()
  await vi.advanceTimersByTimeAsync(100)
  expect(onSubscribed).toHaveBeenCalledTimes(1)
  stop()
})

test('a connection to a node that has left the cluster is replaced', async () => {
  const { onSubscribed, stop } = listen('a')
  await flush()
  latest().isAstray = true
  await vi.advanceTimersByTimeAsync(CHECK_EVERY + 100)
  expect(connections.map(({ isClosed }) => isClosed)).toEqual([true, false])
  expect(onSubscribed).toHaveBeenCalledTimes(2)
  stop()
})

test('a channel that may not be heard leaves the others alone, and is asked for again', async () => {
  world.forbidden.add('b')
  const [a, b] = [listen('a'), listen('b')]
  await vi.advanceTimersByTimeAsync(CHECK_EVERY * 3)
  expect(connections).toHaveLength(1)
  expect(a.onSubscribed).toHaveBeenCalledTimes(1)
  expect(b.onSubscribed).not.toHaveBeenCalled()
  world.forbidden.clear()
  await vi.advanceTimersByTimeAsync(CHECK_EVERY)
  expect(b.onSubscribed).toHaveBeenCalledTimes(1)
  expect(latest().asked.filter((channel) => channel === 'a')).toHaveLength(1)
  a.stop()
  b.stop()
})

test('attempts to connect become rare, and never end', async () => {
  world.reachable = Promise.reject(new Error('ECONNREFUSED'))
  world.reachable.catch(() => {})
  const { onSubscribed, stop } = listen('a')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(connections.length).toBeGreaterThan(3)
  await vi.advanceTimersByTimeAsync(60_000)
  const before = connections.length
  await vi.advanceTimersByTimeAsync(60_000)
  expect(connections.length - before).toBeGreaterThanOrEqual(30)
  expect(connections.length - before).toBeLessThanOrEqual(60)
  world.reachable = Promise.resolve()
  await vi.advanceTimersByTimeAsync(2_000)
  expect(onSubscribed).toHaveBeenCalledTimes(1)
  stop()
})

test('what an old connection tells is ignored', async () => {
  const { onMessage, onSubscribed, stop } = listen('a')
  await flush()
  latest().events.ended()
  latest().events.ended()
  latest().events.message('a', 'from before')
  await vi.advanceTimersByTimeAsync(100)
  expect(connections).toHaveLength(2)
  connections[0]?.events.ended()
  connections[0]?.events.message('a', 'from before')
  latest().events.message('a', 'now')
  expect(onMessage.mock.calls).toEqual([['now']])
  expect(onSubscribed).toHaveBeenCalledTimes(2)
  stop()
  latest().events.ended()
  expect(connections).toHaveLength(2)
})

test('a subscription on a connection that has ended since does not stand', async () => {
  let answer = () => {}
  world.subscribed = new Promise((resolve) => {
    answer = resolve
  })
  const { onSubscribed, stop } = listen('a')
  await flush()
  latest().events.ended()
  answer()
  await flush()
  expect(onSubscribed).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(100)
  expect(onSubscribed).toHaveBeenCalledTimes(1)
  stop()
})

test('who comes while there is no connection is told only of the next', async () => {
  const first = listen('a')
  await flush()
  latest().events.ended()
  const second = listen('a')
  await flush()
  expect(second.onSubscribed).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(100)
  expect(first.onSubscribed).toHaveBeenCalledTimes(2)
  expect(second.onSubscribed).toHaveBeenCalledTimes(1)
  first.stop()
  second.stop()
})

test('who has left is told nothing more, not even that the subscription stands', async () => {
  const { onSubscribed, stop } = listen('a')
  const other = listen('a')
  stop()
  await flush()
  const late = listen('a')
  late.stop()
  await flush()
  expect(onSubscribed).not.toHaveBeenCalled()
  expect(late.onSubscribed).not.toHaveBeenCalled()
  expect(other.onSubscribed).toHaveBeenCalledTimes(1)
  other.stop()
})
