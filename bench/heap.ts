import { setImmediate } from 'node:timers/promises'

/** Bytes in use once the garbage is gone. Needs --expose-gc. */
export async function heap(): Promise<number> {
  // Finalizers and weak references take another turn or two.
  for (let turn = 0; turn < 3; turn++) {
    await setImmediate()
    globalThis.gc?.()
  }
  return process.memoryUsage().heapUsed
}
