import { Ledger } from '../../packages/redis/src/ledger.ts'
import type { SyncRequest } from '../../packages/redis/src/wire.ts'
import { ModelServer } from './model.ts'

const LEASE = 600
const CLOCK = 1_700_000_000_000
const LONG = 1e9

/** One process, for a history written by hand. */
class Player {
  readonly ledger: Ledger<string>
  readonly events: string[] = []
  readonly #server: ModelServer

  constructor(server: ModelServer, instance: string, keyed = false) {
    this.#server = server
    this.ledger = new Ledger<string>({
      instance,
      lease: LEASE,
      keyed,
      local: false,
      limits: { limit: 1, capacity: 10 },
      listener: {
        granted: (want) => this.events.push(`granted ${want.waiter}`),
        rejected: (want, cause) => this.events.push(`rejected ${want.waiter}: ${cause}`),
        lost: () => this.events.push('lost'),
        kick: () => {},
        limitsDiffer: () => {},
      },
    })
  }

  sync(now: number): void {
    const request = this.ledger.build(now) as SyncRequest
    this.ledger.onReply(request, this.#server.sync(request, CLOCK + now, LONG).reply, now)
  }
}

function expectEvents(player: Player, ...events: string[]): void {
  const found = player.events.join(', ')
  if (found !== events.join(', '))
    throw new Error(`expected ${events.join(', ') || 'nothing'}; found ${found}`)
}

/** Nobody reaches the server for longer than a lease; what is held then is still held. */
function outage(): void {
  const server = new ModelServer()
  const one = new Player(server, 'one')
  const two = new Player(server, 'two')
  one.ledger.acquire('', 1, 'first')
  one.sync(0)
  two.ledger.acquire('', 1, 'second')
  two.sync(0)
  expectEvents(one, 'granted first')
  const after = LEASE * 1.5
  one.ledger.expire(after)
  two.sync(after)
  expectEvents(two)
  one.sync(after + 50)
  two.sync(after + LEASE / 2 + 50)
  expectEvents(two)
  one.ledger.release('', 1, after + LEASE / 2 + 60)
  one.sync(after + LEASE / 2 + 60)
  two.sync(after + LEASE / 2 + 70)
  expectEvents(one, 'granted first', 'lost')
  expectEvents(two, 'granted second')
}

export const scenes = { outage }
