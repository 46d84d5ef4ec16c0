import { setTimeout as sleep } from 'node:timers/promises'

/** Asks every few ms until the answer is true. An error counts as no. Throws after `patience` ms. */
export async function until(
  what: string,
  isTrue: () => boolean | Promise<boolean>,
  patience: number = 15_000,
): Promise<void> {
  const end = performance.now() + patience
  let failure: unknown
  for (;;) {
    try {
      if (await isTrue()) return
      failure = undefined
    } catch (error) {
      failure = error
    }
    if (performance.now() > end) {
      throw new Error(`waited ${patience} ms in vain until ${what}`, { cause: failure })
    }
    await sleep(10)
  }
}
