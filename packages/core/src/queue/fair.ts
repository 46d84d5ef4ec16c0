import { checkOptions, wrongType } from '../check.ts'
import { Heap, type HeapEntry } from '../heap.ts'
import { LinkedList } from '../linked-list.ts'
import type { Waiter } from '../waiter.ts'
import { checkLimit } from './line.ts'
import type { Queue } from './queue.ts'

export interface FairOptions {
  /** How many may wait; 0 for none. Default Infinity. */
  limit?: number | undefined
  /**
   * The part of a key, against that of others: one with 2 gets twice as much as one with 1. From a millionth
   * to a million; anything else, or an error, rejects the request. Asked when a request has to wait of
   * whose key no other waits; those without a key share the key `undefined`. Default: 1 for each.
   */
  share?: ((key: string | undefined) => number) | undefined
}

/** How many keys of which nobody waits are remembered for what they had; the least debt is forgotten. */
const REMEMBERED = 1000
const LEAST_SHARE = 1e-6
const MOST_SHARE = 1e6

/**
 * Each key its fair share of what goes in, however many of its requests wait: the keys take turns, and of
 * one key it is first come, first served. A request counts for its weight, at least 1. A full queue turns
 * away the newest waiter of the key that has the most work waiting for its share; the newcomer, if that is
 * its own key, or if no other has more. So one client that floods the queue keeps nobody else out.
 *
 * The waiter that goes next holds back all others until its whole weight fits, or until one whose key has
 * had less comes.
 *
 * Joining and leaving are O(log n) in the number of keys that wait. A key is remembered while it waits, and
 * as long as it has had more than others, at most 1000 such keys and only until the queue is empty. A key
 * that is refused leaves nothing. Who waited and gave up, or was turned away, does not count for its key;
 * who was handed its permit does, though it gave up before it ran.
 *
 * Start-time fair queueing: Goyal, Vin and Cheng, "Start-Time Fair Queueing" (SIGCOMM 1996).
 *
 * @throws TypeError or RangeError for a bad option, naming it.
 */
export function fair(options: FairOptions = {}): Queue {
  checkOptions('fair', options, ['limit', 'share'])
  const { limit = Infinity, share = () => 1 } = options
  checkLimit('fair', limit)
  if (typeof share !== 'function') throw wrongType('fair share', 'a function', share)
  return new Fair(limit, share)
}

/** One key, of which somebody waits or that has had more than others. */
class Flow {
  readonly key: string | undefined
  share = 1
  readonly waiters = new LinkedList<Waiter>()
  /** The work that waits. */
  work = 0
  /** The virtual time at which its next waiter is due. */
  start = 0
  /** The virtual time up to which it has had its share. */
  finish = 0
  /** Of those due at the same time, the less goes first. */
  order = 0
  turn!: HeapEntry<Flow>
  load!: HeapEntry<Flow>
  debt: HeapEntry<Flow> | undefined

  constructor(key: string | undefined) {
    this.key = key
  }

  /** The work that waits, and as much more, for its share. */
  loadWith(more: number): number {
    return (this.work + more) / this.share
  }
}

class Fair implements Queue {
  readonly #limit: number
  readonly #shareOf: (key: string | undefined) => number
  readonly #flows = new Map<string | undefined, Flow>()
  /** Of those that wait, the next is first. */
  readonly #turns = new Heap<Flow>((a, b) => a.start < b.start || (a.start === b.start && a.order < b.order))
  /** Of those that wait, the one with the most work for its share is first. */
  readonly #loads = new Heap<Flow>((a, b) => {
    const more = a.loadWith(0) - b.loadWith(0)
    return more > 0 || (more === 0 && a.order > b.order)
  })
  /** Those that do not wait, but had more than others; the least is first. */
  readonly #debts = new Heap<Flow>((a, b) => a.finish < b.finish)
  #virtualTime = 0
  #orders = 0
  #size = 0

  constructor(limit: number, share: (key: string | undefined) => number) {
    this.#limit = limit
    this.#shareOf = share
  }

  get size(): number {
    return this.#size
  }

  get full(): boolean {
    return this.#limit === 0
  }

  push(newcomer: Waiter): Waiter | undefined {
    const { key } = newcomer
    const waits = this.#waits(key)
    const share = waits ? 1 : checkShare(this.#shareOf(key), key)
    const flow = this.#flows.get(key) ?? new Flow(key)
    // What `share` did may have let another of this key in, and a share stays while some wait.
    if (!waits && !this.#waits(key)) flow.share = share
    if (this.#size < this.#limit) {
      this.#join(flow, newcomer)
      return undefined
    }
    const greedy = this.#loads.first
    if (greedy === undefined || flow.loadWith(costOf(newcomer)) >= greedy.loadWith(0)) return newcomer
    const loser = greedy.waiters.last as Waiter
    this.#join(flow, newcomer)
    this.remove(loser)
    return loser
  }

  peek(): Waiter | undefined {
    return this.#turns.first?.waiters.first
  }

  remove(waiter: Waiter): void {
    this.#leave(this.#flows.get(waiter.key) as Flow, waiter)
  }

  serve(waiter: Waiter): void {
    const flow = this.#flows.get(waiter.key) as Flow
    this.#virtualTime = Math.max(this.#virtualTime, flow.start)
    flow.finish = flow.start + costOf(waiter) / flow.share
    // One of which more wait is due again when it has had this, however late it is.
    this.#schedule(flow, flow.finish)
    this.#leave(flow, waiter)
    this.#forget()
  }

  #waits(key: string | undefined): boolean {
    return (this.#flows.get(key)?.waiters.size ?? 0) > 0
  }

  #join(flow: Flow, newcomer: Waiter): void {
    flow.waiters.append(newcomer)
    flow.work += costOf(newcomer)
    this.#size++
    if (flow.waiters.size > 1) {
      this.#loads.move(flow.load)
      return
    }
    if (flow.debt !== undefined) this.#debts.remove(flow.debt)
    flow.debt = undefined
    this.#flows.set(flow.key, flow)
    flow.start = Math.max(this.#virtualTime, flow.finish)
    flow.order = ++this.#orders
    flow.turn = this.#turns.add(flow)
    flow.load = this.#loads.add(flow)
  }

  #schedule(flow: Flow, start: number): void {
    flow.start = start
    flow.order = ++this.#orders
    this.#turns.move(flow.turn)
  }

  #leave(flow: Flow, waiter: Waiter): void {
    flow.waiters.remove(waiter)
    flow.work -= costOf(waiter)
    this.#size--
    if (flow.waiters.size > 0) {
      this.#loads.move(flow.load)
      return
    }
    this.#turns.remove(flow.turn)
    this.#loads.remove(flow.load)
    if (this.#size === 0) this.#forgetAll()
    else if (flow.finish > this.#virtualTime) flow.debt = this.#debts.add(flow)
    else this.#flows.delete(flow.key)
  }

  /** Time has caught up with some; and where too many are ahead of it, it catches up with the first. */
  #forget(): void {
    for (let least = this.#debts.first; least !== undefined; least = this.#debts.first) {
      if (this.#debts.size > REMEMBERED) this.#virtualTime = Math.max(this.#virtualTime, least.finish)
      if (least.finish > this.#virtualTime) return
      this.#debts.remove(least.debt as HeapEntry<Flow>)
      this.#flows.delete(least.key)
    }
  }

  /** Nobody waits for anything, so nobody has had too much. */
  #forgetAll(): void {
    this.#flows.clear()
    this.#debts.clear()
    this.#virtualTime = 0
  }
}

/** One without weight takes a place as any other does. */
function costOf({ weight }: Waiter): number {
  return weight || 1
}

function checkShare(share: unknown, key: string | undefined): number {
  const name = `fair share of ${key === undefined ? 'no key' : JSON.stringify(key)}`
  if (typeof share !== 'number') throw wrongType(name, 'a number', share)
  if (!(share >= LEAST_SHARE && share <= MOST_SHARE)) {
    throw new RangeError(`${name} must be from ${LEAST_SHARE} to ${MOST_SHARE}; received ${share}`)
  }
  return share
}
