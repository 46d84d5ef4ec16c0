import { IncomingMessage } from 'node:http'
import { queryObjects } from 'node:v8'
import { turnOfTheLoop } from '../http/helpers.ts'

const Timer = setTimeout(() => {}, 0).constructor

/** What could be left behind. Whatever we make for a request holds it, so that it is left too. */
const KINDS = { requests: IncomingMessage, timers: Timer }

/** How many objects of each kind are alive, once the garbage is collected. */
export type Census = Record<keyof typeof KINDS, number>

export function census(): Census {
  const count = (kind: keyof Census): number => queryObjects(KINDS[kind], { format: 'count' })
  return { requests: count('requests'), timers: count('timers') }
}

const TRIES = 10

/**
 * Names the kinds of which more have stayed than the given number. Not all that can be collected is so
 * at once: what a weak reference pointed to stays for another turn.
 */
export async function leftBehind(before: Census, number: number): Promise<string[]> {
  for (let tries = TRIES; ; tries--) {
    const now = census()
    const kinds = (Object.keys(KINDS) as (keyof Census)[]).filter((kind) => now[kind] > before[kind] + number)
    if (kinds.length === 0 || tries === 0) {
      return kinds.map((kind) => `${now[kind]} ${kind} are alive; ${before[kind]} at first`)
    }
    await turnOfTheLoop()
  }
}
