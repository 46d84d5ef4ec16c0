import { checkCount, checkDuration, checkOptions } from '../check.ts'
import type { Clock } from '../clock.ts'
import { Heap, type HeapEntry } from '../heap.ts'
import { LinkedList } from '../linked-list.ts'
import type { Waiter } from '../waiter.ts'
import { checkLimit } from './line.ts'
import type { Queue, QueueHost } from './queue.ts'

export interface ByPriorityOptions {
  /** How many may wait; 0 for none. Default Infinity. */
  limit?: number | undefined
  /**
   * The wait in ms that is worth as much as a priority higher by 1, so that the low are not kept waiting
   * for ever; 0 is first come, first served. Default Infinity: a higher priority always goes first.
   */
  aging?: number | undefined
  /**
   * How many places each priority has that others cannot take from it. Give each priority at most its part
   * of the limit: where the floors of all who wait do not fit, the lowest priority has to leave. Default 0.
   */
  floor?: number | undefined
}

/**
 * The highest priority first; of the same priority, first come, first served. A full queue turns away
 * the newest waiter of the lowest priority, which may be the newcomer; with a floor, the lowest of those
 * that have more places than that.
 *
 * Aging bounds how long the low wait for those who came later, but not whether they are turned away from a
 * full queue: that is what the floor is for. The waiter that goes next holds back all others until its
 * whole weight fits, or until one that goes before it comes.
 *
 * With n priorities among those who wait, joining and leaving are O(log n). Each waiter goes by its arrival
 * less its priority times the aging, which never changes, so that time reorders nothing.
 *
 * @throws TypeError or RangeError for a bad option, naming it.
 */
export function byPriority(options: ByPriorityOptions = {}): Queue {
  checkOptions('byPriority', options, ['limit', 'aging', 'floor'])
  const { limit = Infinity, aging = Infinity, floor = 0 } = options
  checkLimit('byPriority', limit)
  checkDuration('byPriority aging', aging)
  checkCount('byPriority floor', floor)
  return new ByPriority(limit, aging, floor)
}

/** Those of one priority, the oldest first. */
class PriorityClass {
  readonly priority: number
  readonly waiters = new LinkedList<Waiter>()
  /** By which it goes before others: the less the sooner. */
  key = 0
  turn!: HeapEntry<PriorityClass>
  rank!: HeapEntry<PriorityClass>

  constructor(priority: number) {
    this.priority = priority
  }
}

class ByPriority implements Queue {
  readonly #limit: number
  readonly #aging: number
  readonly #floor: number
  readonly #classes = new Map<number, PriorityClass>()
  /** Who goes next is first. */
  readonly #turns = new Heap<PriorityClass>(
    (a, b) => a.key < b.key || (a.key === b.key && a.priority > b.priority),
  )
  /** Who has to leave next is first. */
  readonly #ranks = new Heap<PriorityClass>((a, b) => {
    const above = this.#isAboveFloor(a)
    return above === this.#isAboveFloor(b) ? a.priority < b.priority : above
  })
  #clock!: Clock
  #size = 0

  constructor(limit: number, aging: number, floor: number) {
    this.#limit = limit
    this.#aging = aging
    this.#floor = floor
  }

  attach({ clock }: QueueHost): void {
    this.#clock = clock
  }

  get size(): number {
    return this.#size
  }

  get full(): boolean {
    return this.#limit === 0
  }

  push(newcomer: Waiter): Waiter | undefined {
    if (this.#aging !== Infinity) newcomer.place = this.#clock.now()
    this.#join(newcomer)
    if (this.#size <= this.#limit) return undefined
    const loser = this.#ranks.first?.waiters.last as Waiter
    this.remove(loser)
    return loser
  }

  peek(): Waiter | undefined {
    return this.#turns.first?.waiters.first
  }

  remove(waiter: Waiter): void {
    const { priority } = waiter
    const from = this.#classes.get(priority) as PriorityClass
    from.waiters.remove(waiter)
    this.#size--
    if (from.waiters.size > 0) {
      this.#move(from)
      return
    }
    this.#turns.remove(from.turn)
    this.#ranks.remove(from.rank)
    this.#classes.delete(priority)
  }

  #join(newcomer: Waiter): void {
    const { priority } = newcomer
    this.#size++
    const known = this.#classes.get(priority)
    if (known !== undefined) {
      known.waiters.append(newcomer)
      this.#move(known)
      return
    }
    const made = new PriorityClass(priority)
    made.waiters.append(newcomer)
    made.key = this.#keyOf(newcomer)
    made.turn = this.#turns.add(made)
    made.rank = this.#ranks.add(made)
    this.#classes.set(priority, made)
  }

  /** Its first waiter may be another now, and it may have crossed the floor. */
  #move(changed: PriorityClass): void {
    changed.key = this.#keyOf(changed.waiters.first as Waiter)
    this.#turns.move(changed.turn)
    this.#ranks.move(changed.rank)
  }

  #keyOf({ priority, place }: Waiter): number {
    if (this.#aging === Infinity) return -priority
    // An endless priority times no aging would be no number.
    return (place as number) - (this.#aging === 0 ? 0 : priority * this.#aging)
  }

  #isAboveFloor({ waiters }: PriorityClass): boolean {
    return waiters.size > this.#floor
  }
}
