import type { Clock } from '@lineclear/core'
import { Heap } from './heap.ts'

// As setTimeout has it: longer delays overflow its 32 bits and ring after 1 ms.
const LONGEST_TIMER = 2 ** 31 - 1

interface Timer {
  callback: () => void
  live: boolean
}

/**
 * Time that passes only when told to. Delays below 1 ms, and those that `setTimeout` cannot count, are
 * 1 ms, as on the platforms. Setting a timer is O(log n), cancelling it O(1).
 */
export class VirtualClock implements Clock {
  readonly #timers = new Heap<Timer>()
  #now = 0
  #cancelled = 0

  now(): number {
    return this.#now
  }

  setTimer(callback: () => void, ms: number): () => void {
    const delay = ms >= 1 && ms <= LONGEST_TIMER ? ms : 1
    const timer = { callback, live: true }
    this.#timers.push(this.#now + delay, timer)
    return () => this.#cancel(timer)
  }

  /** Timers that have yet to ring. */
  get timers(): number {
    return this.#timers.size - this.#cancelled
  }

  /** When the next timer rings; Infinity if none is set. */
  get nextAt(): number {
    while (this.#timers.first?.live === false) {
      this.#timers.pop()
      this.#cancelled--
    }
    return this.#timers.key
  }

  /** Time passes to the next timer, and it rings. Without one this does nothing. */
  ring(): void {
    const at = this.nextAt
    const timer = this.#timers.pop()
    if (timer === undefined) return
    timer.live = false
    this.#now = Math.max(this.#now, at)
    timer.callback()
  }

  /** Time passes, ringing each timer when due. No microtask runs in between. */
  advance(ms: number): void {
    const end = this.#now + ms
    while (this.nextAt <= end) this.ring()
    this.#now = end
  }

  /** Time passes, and no timer rings: those that were due are late. It never goes back. */
  moveTo(time: number): void {
    this.#now = Math.max(this.#now, time)
  }

  #cancel(timer: Timer): void {
    if (!timer.live) return
    timer.live = false
    this.#cancelled++
    // Else what was cancelled long before it was due would pile up.
    if (this.#cancelled < 64 || this.#cancelled * 2 < this.#timers.size) return
    this.#timers.keep(({ live }) => live)
    this.#cancelled = 0
  }
}
