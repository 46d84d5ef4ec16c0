import { innermost } from './innermost.ts'
import type { Limiter } from './limiter.ts'

// Whoever holds permits of some limiters while waiting for others must take them in one order
// everywhere, or two of them may wait for each other for ever. A place for each limiter, rather than
// a graph of who came before whom: it goes when the limiter goes. One around another has the place of that.

interface Place {
  readonly at: number
  /** Decides between equal places. */
  readonly since: number
}

const places = new WeakMap<Limiter, Place>()
let farthest = 0
let placed = 0

/**
 * The limiters in the order in which to take them, the same for any two of them whoever asks. Those
 * that come for the first time get the place where they stand here.
 */
export function inOrder(limiters: readonly Limiter[]): Limiter[] {
  const known = limiters.filter((limiter) => placeOf(limiter) !== undefined).sort(byPlace)
  const order = limiters.map((limiter) =>
    placeOf(limiter) === undefined ? limiter : (known.shift() ?? limiter),
  )
  order.forEach((limiter, index) => {
    if (placeOf(limiter) === undefined) place(limiter, between(order, index))
  })
  // Equal places, of limiters that came at different times, may stand otherwise.
  return order.sort(byPlace)
}

function between(order: readonly Limiter[], index: number): number {
  const before = order[index - 1]
  const low = before && placeOf(before)?.at
  const steps = order.slice(index).findIndex((limiter) => placeOf(limiter) !== undefined)
  const next = order[index + steps]
  const high = steps < 0 || next === undefined ? undefined : placeOf(next)?.at
  if (high === undefined) return (low ?? farthest) + 1
  return low === undefined ? high - steps : low + (high - low) / (steps + 1)
}

function place(limiter: Limiter, at: number): void {
  places.set(innermost(limiter), { at, since: placed++ })
  farthest = Math.max(farthest, at)
}

function placeOf(limiter: Limiter): Place | undefined {
  return places.get(innermost(limiter))
}

function byPlace(one: Limiter, other: Limiter): number {
  const [a, b] = [placeOf(one), placeOf(other)]
  return a === undefined || b === undefined ? 0 : a.at - b.at || a.since - b.since
}
