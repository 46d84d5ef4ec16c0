// Taken now, so that fake timers do not stop the simulator.
const { nextTick } = process
const nextLoop = setImmediate
const settled = Promise.resolve()

// Ticks go before all I/O, so now and then that gets a turn too.
const TICKS_IN_A_ROW = 1000

let ticks = 0

/**
 * Calls back in a microtask, when no other microtask is left: neither those queued by now nor any that
 * they queue, however many promises hand a permit on. To be called from a microtask.
 *
 * Node runs a tick that a microtask asks for when its microtasks have run out. What a limiter leaves to a
 * real timer or to I/O is not waited for: its time has to come from the clock.
 */
export function whenSettled(callback: () => void): void {
  if (++ticks % TICKS_IN_A_ROW === 0) nextLoop(inMicrotask, callback)
  else nextTick(inMicrotask, callback)
}

function inMicrotask(callback: () => void): void {
  settled.then(callback)
}
