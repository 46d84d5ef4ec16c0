import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Child, serve } from '../child.ts'
import { type CandidateName, candidates } from './candidates.ts'

// Processes whose contenders all want permits of one limit: `Crew` in the parent, the rest in the children.

export interface CrewOptions {
  candidate: CandidateName
  port: number
  limit: number
  processes: number
  /** In each process. */
  contenders: number
  /** How long each holds its permit, in ms. */
  hold: number
}

/** What the contenders of a process got. Times are ns on the clock that all processes share. */
export interface Shift {
  /** How many permits each had been given when time was over. */
  grants: number[]
  /** Longest wait in ms, of those too who got their permit only after that. */
  worst: number
  /** How many commands the process sent to Redis. What a script calls in turn is not counted. */
  calls: number
  /** When each permit was given, and given back. */
  spans: [from: number, till: number][]
}

let crews = 0

export class Crew {
  readonly #children: Child[]

  constructor({ candidate, port, limit, processes, contenders, hold }: CrewOptions) {
    const args = [candidate, port, `bench-${process.pid}-${crews++}`, limit, contenders, hold]
    this.#children = Array.from({ length: processes }, () => {
      return new Child(import.meta.url, args.map(String), [])
    })
  }

  /** All contend for so many ms. */
  work(ms: number): Promise<Shift[]> {
    return Promise.all(this.#children.map((child) => child.ask<Shift>(`${ms}`)))
  }

  /** One process takes all permits and dies with them: how many ms until another has them all? */
  async crash(patience: number): Promise<number> {
    const [holder, heir] = this.#children as [Child, Child]
    await heir.ask('ready')
    await holder.ask('take')
    const inherited = heir.ask<boolean>(`inherit ${patience}`)
    await sleep(100)
    const killed = performance.now()
    holder.kill()
    return (await inherited) ? performance.now() - killed : Infinity
  }

  stop(): void {
    for (const child of this.#children) child.stop()
  }
}

function serveCrew(): void {
  const [candidate, port, name, limit, count, hold] = process.argv.slice(2) as [CandidateName, ...string[]]
  const contender = candidates[candidate](Number(port), name as string, Number(limit))
  const contenders = Array.from({ length: Number(count) }, () => contender())

  let calls = 0
  const { sendCommand } = Redis.prototype
  Redis.prototype.sendCommand = function (...args) {
    calls++
    return sendCommand.apply(this, args)
  }

  async function shift(ms: number): Promise<Shift> {
    const before = calls
    const end = performance.now() + ms
    const spans: [number, number][] = []
    let worst = 0
    const grants = contenders.map(() => 0)
    const contend = async (place: number): Promise<void> => {
      const contender = contenders[place]
      for (let turn = 1; ; turn++) {
        const asked = performance.now()
        if (asked >= end) return
        await contender?.(async () => {
          const given = performance.now()
          worst = Math.max(worst, given - asked)
          if (given < end) (grants[place] as number)++
          if (Number(hold) === 0) return
          const from = Number(process.hrtime.bigint())
          await sleep(Number(hold))
          if (Number(limit) === 1) spans.push([from, Number(process.hrtime.bigint())])
        })
        // Where a permit needs no question, nothing else would get its turn.
        if (turn % 1000 === 0) await new Promise(setImmediate)
      }
    }
    await Promise.all(contenders.map((_, place) => contend(place)))
    return { grants, worst, calls: calls - before, spans }
  }

  async function all(held: () => Promise<void> | void): Promise<void> {
    let inside = 0
    const everybodyIsInside = new Promise<void>((resolve) => {
      for (const contender of contenders) {
        contender(async () => {
          if (++inside === contenders.length) resolve()
          await held()
        })
      }
    })
    await everybodyIsInside
  }

  serve(async (question) => {
    const [what, patience] = question.split(' ')
    if (what === 'take') return all(() => new Promise(() => {})).then(() => true)
    if (what === 'inherit') {
      const inherited = all(() => new Promise(() => {})).then(() => true)
      return Promise.race([inherited, sleep(Number(patience), false)])
    }
    if (what === 'ready') return contenders[0]?.(() => {}).then(() => true)
    return shift(Number(question))
  })
}

if (process.send !== undefined) serveCrew()
