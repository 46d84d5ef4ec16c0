import { Ledger } from '../../packages/redis/src/ledger.ts'
import type { Want } from '../../packages/redis/src/want-list.ts'
import type { Push, SyncRequest } from '../../packages/redis/src/wire.ts'
import { ModelServer } from './model.ts'

const LEASE = 600
const CLOCK = 1_700_000_000_000

/** A server and the time that passes for all. */
class World {
  readonly server: ModelServer = new ModelServer()
  now = 0
  uptime = 1e9

  /** What the server answers, and publishes. */
  do(request: SyncRequest): ReturnType<ModelServer['sync']> {
    return this.server.sync(request, CLOCK + this.now, this.uptime)
  }

  /** Lets time pass, in which these send their heartbeats. */
  pass(ms: number, ...players: Player[]): void {
    const till = this.now + ms
    while (this.now < till) {
      this.now = Math.min(till, this.now + LEASE / 4)
      for (const player of players) player.sync()
    }
  }
}

/** One process, for a history written by hand. There is one permit. */
class Player {
  readonly ledger: Ledger<string>
  readonly events: string[] = []
  readonly #world: World

  constructor(world: World, instance: string, keyed = false, capacity = 10) {
    this.#world = world
    this.ledger = new Ledger<string>({
      instance,
      lease: LEASE,
      keyed,
      local: false,
      limits: { limit: 1, capacity },
      listener: {
        granted: (want) => this.events.push(`granted ${want.waiter}`),
        rejected: (want, cause) => this.events.push(`rejected ${want.waiter}: ${cause}`),
        lost: () => this.events.push('lost'),
        kick: () => {},
        limitsDiffer: () => {},
      },
    })
  }

  acquire(waiter: string, key = ''): Want<string> {
    return this.ledger.acquire(key, 1, waiter)
  }

  release(key = ''): void {
    this.ledger.release(key, 1, this.#world.now)
  }

  build(): SyncRequest {
    return this.ledger.build(this.#world.now) as SyncRequest
  }

  /** Sends a request and reads the reply; returns what is published meanwhile. */
  sync(request: SyncRequest = this.build()): Push[] {
    const { reply, pushes } = this.#world.do(request)
    this.ledger.onReply(request, reply, this.#world.now)
    return pushes
  }

  hear(push: Push | undefined): void {
    if (push === undefined) throw new Error('nothing was published')
    this.ledger.onPush(push, this.#world.now)
  }

  expect(...events: string[]): void {
    const found = this.events.join(', ')
    if (found !== events.join(', '))
      throw new Error(`expected ${events.join(', ') || 'nothing'}; found ${found}`)
  }
}

/** A lease is renewed early on, and then the process is cut off. */
function earlyRenewal(): void {
  const world = new World()
  const one = new Player(world, 'one')
  const two = new Player(world, 'two')
  one.acquire('first')
  one.sync()
  two.acquire('second')
  two.sync()
  world.now += LEASE / 6
  one.sync()
  world.pass(LEASE - 1, two)
  one.ledger.expire(world.now)
  one.expect('granted first')
  two.expect()
  world.pass(2, two)
  one.ledger.expire(world.now)
  one.expect('granted first', 'lost')
  two.expect('granted second')
}

/** The server restarts empty, while one who holds is cut off; its lease has just begun. */
function emptyRestart(): void {
  const world = new World()
  const one = new Player(world, 'one')
  one.acquire('first')
  one.sync()
  world.server.stored = { meta: undefined, leases: new Map(), keys: new Map() }
  world.uptime = 0
  world.now++
  const two = new Player(world, 'two')
  two.acquire('second')
  two.sync()
  world.pass(LEASE - 2, two)
  one.ledger.expire(world.now)
  one.expect('granted first')
  two.expect()
  world.pass(LEASE, two)
  one.ledger.expire(world.now)
  one.expect('granted first', 'lost')
  two.expect('granted second')
}

/** The server falls back to where a permit is held that was released since, and others sync before. */
function hiddenFallBack(): void {
  const world = new World()
  const one = new Player(world, 'one', true)
  const two = new Player(world, 'two', true)
  one.acquire('first', 'key')
  one.sync()
  two.sync()
  const former = world.server.snapshot()
  one.release('key')
  one.sync()
  world.server.stored = former
  for (let count = 0; count < 5; count++) two.sync()
  world.pass(LEASE * 2, one, two)
  two.acquire('second', 'key')
  two.sync()
  two.expect('granted second')
}

/** A request comes once more, after its key was forgotten. */
function lateRequest(): void {
  const world = new World()
  const one = new Player(world, 'one', true)
  const two = new Player(world, 'two', true)
  one.acquire('first', 'key')
  one.sync()
  const late = one.build()
  one.sync(late)
  one.release('key')
  one.sync()
  world.do(late)
  two.acquire('second', 'key')
  two.sync()
  two.expect('granted second')
}

/** A push from before a restart comes when another holds the permit. */
function latePush(): void {
  const world = new World()
  const one = new Player(world, 'one')
  const two = new Player(world, 'two')
  one.acquire('first')
  one.sync()
  two.acquire('second')
  two.sync()
  one.release()
  const [late] = one.sync()
  world.server.stored = { meta: undefined, leases: new Map(), keys: new Map() }
  world.uptime = 0
  one.acquire('third')
  one.sync()
  two.sync()
  two.sync()
  world.pass(LEASE * 1.5, one, two)
  one.expect('granted first', 'granted third')
  two.hear(late)
  two.expect()
}

/** The server falls back behind a want that it had taken. */
function lostWant(): void {
  const world = new World()
  const one = new Player(world, 'one')
  const two = new Player(world, 'two')
  one.acquire('first')
  one.sync()
  two.sync()
  const former = world.server.snapshot()
  two.acquire('second')
  two.sync()
  world.server.stored = former
  world.pass(LEASE * 2, one, two)
  one.release()
  world.pass(LEASE * 2, one, two)
  two.expect('granted second')
}

/** The server falls back, and rejects what it had queued; as many rejections were read before. */
function forkedLog(): void {
  const world = new World()
  const one = new Player(world, 'one', false, 1)
  const two = new Player(world, 'two', false, 1)
  const three = new Player(world, 'three', false, 1)
  one.acquire('first')
  one.sync()
  const former = world.server.snapshot()
  two.acquire('second')
  const late = two.build()
  two.sync(late)
  two.acquire('third')
  two.sync()
  two.expect('rejected third: full')
  world.server.stored = former
  three.acquire('fourth')
  three.sync()
  world.do(late)
  world.pass(LEASE * 2, one, two, three)
  one.release()
  world.pass(LEASE * 2, one, two, three)
  three.expect('granted fourth')
  three.release()
  world.pass(LEASE * 2, one, two, three)
  const [, outcome] = two.events
  if (outcome === undefined) throw new Error('second is neither granted nor rejected')
}

/** The server falls back to where a want waits that was cancelled since, and whose key was forgotten. */
function forgottenKey(): void {
  const world = new World()
  const one = new Player(world, 'one', true)
  const two = new Player(world, 'two', true)
  const three = new Player(world, 'three', true)
  one.acquire('first', 'key')
  one.sync()
  const want = two.acquire('second', 'key')
  two.sync()
  const former = world.server.snapshot()
  two.ledger.cancel(want)
  two.sync()
  world.server.stored = former
  one.release('key')
  const [push] = one.sync()
  two.hear(push)
  world.pass(LEASE * 2, one, two)
  three.acquire('third', 'key')
  three.sync()
  three.expect('granted third')
}

/** A push about a key comes after it was forgotten and asked for again. */
function pushForAnother(): void {
  const world = new World()
  const one = new Player(world, 'one', true)
  const two = new Player(world, 'two', true)
  two.acquire('first', 'key')
  two.sync()
  one.acquire('second', 'key')
  one.sync()
  two.release('key')
  const [late] = two.sync()
  one.sync()
  one.release('key')
  one.sync()
  one.acquire('third', 'key')
  world.do(one.build())
  one.hear(late)
  world.do(one.build())
  two.acquire('fourth', 'key')
  two.sync()
  one.sync()
  one.expect('granted second', 'granted third')
  two.expect('granted first')
}

/** What is held is reported anew, and the report is lost for longer than the lease. */
function lostReport(): void {
  const world = new World()
  const one = new Player(world, 'one', true)
  const two = new Player(world, 'two', true)
  one.acquire('first', 'key')
  one.sync()
  two.acquire('second', 'key')
  two.sync()
  world.pass(600_000 - LEASE / 4, one, two)
  one.sync()
  two.sync()
  world.now += LEASE / 4
  one.build()
  world.pass(LEASE, two)
  one.ledger.expire(world.now)
  two.expect('granted second')
  one.expect('granted first', 'lost')
}

/** The reply to the first request is lost, and the server drops the incarnation before the second. */
function lostRegistration(): void {
  const world = new World()
  const one = new Player(world, 'one')
  const two = new Player(world, 'two')
  two.acquire('first')
  two.sync()
  one.acquire('second')
  world.do(one.build())
  two.release()
  const [late] = two.sync()
  two.acquire('third')
  world.pass(LEASE * 1.5, two)
  two.expect('granted first', 'granted third')
  one.sync()
  one.hear(late)
  one.expect()
}

/** Nobody reaches the server for longer than a lease; what is held then is still held. */
function outage(): void {
  const world = new World()
  const one = new Player(world, 'one')
  const two = new Player(world, 'two')
  one.acquire('first')
  one.sync()
  two.acquire('second')
  two.sync()
  world.now += LEASE * 1.5
  two.sync()
  two.expect()
  world.now += 50
  one.sync()
  world.pass(LEASE, one, two)
  two.expect()
  one.expect('granted first', 'lost')
  one.release()
  one.sync()
  two.sync()
  two.expect('granted second')
}

/** Histories written by hand, by name; each throws if a promise is broken. */
export const scenes = {
  emptyRestart,
  hiddenFallBack,
  earlyRenewal,
  lateRequest,
  latePush,
  lostWant,
  forkedLog,
  forgottenKey,
  pushForAnother,
  lostReport,
  lostRegistration,
  outage,
}
