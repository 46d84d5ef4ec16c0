/** One permit in use, as the process that had it wrote it down. Times are ms on the clock of the machine. */
export interface Stay {
  readonly process: string
  readonly key: string
  readonly weight: number
  readonly fence: number | undefined
  readonly asked: number
  readonly from: number
  /** Infinity while it lasts. */
  readonly to: number
  /** `killed`: with its process. */
  readonly end: 'done' | 'lost' | 'killed' | undefined
}

interface Refusal {
  readonly process: string
  readonly asked: number
  readonly at: number
  readonly reason: string
}

interface LimiterEvent {
  readonly process: string
  readonly at: number
  readonly name: string
  readonly value: number
}

export interface Log {
  readonly process: string
  readonly stays: readonly Stay[]
  readonly refusals: readonly Refusal[]
  readonly events: readonly LimiterEvent[]
}

/** Some time for which more was in use than the limit. */
export interface Excess {
  readonly key: string
  readonly from: number
  readonly to: number
  readonly by: number
  readonly processes: readonly string[]
}

/** The clock of the logs. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Reads what a process wrote. One that was killed at a time had its permits until then. */
export function readLog(process: string, text: string, killedAt: number | undefined): Log {
  const stays = new Map<string, Stay>()
  const refusals: Refusal[] = []
  const events: LimiterEvent[] = []
  // What follows the last line break is half a line.
  for (const line of text.split('\n').slice(0, -1)) {
    const [kind, time, ...fields] = line.split(' ') as [string, string, ...string[]]
    const at = ms(time)
    const [first = '', second = '', third = '', fourth = '', fifth = ''] = fields
    if (kind === 'enter') {
      const stay: Stay = {
        process,
        key: fifth,
        weight: Number(third),
        fence: fourth === '-' ? undefined : Number(fourth),
        asked: ms(second),
        from: at,
        to: Infinity,
        end: undefined,
      }
      stays.set(first, stay)
    } else if (kind === 'exit') {
      stays.set(first, { ...(stays.get(first) as Stay), to: at, end: second as 'done' | 'lost' })
    } else if (kind === 'refused') refusals.push({ process, asked: ms(first), at, reason: second })
    else if (kind === 'event') events.push({ process, at, name: first, value: Number(second) })
    else throw new Error(`${process} wrote ${JSON.stringify(line)}`)
  }
  const ended = [...stays.values()].map((stay): Stay => {
    if (stay.end !== undefined || killedAt === undefined) return stay
    return { ...stay, to: Math.max(stay.from, killedAt), end: 'killed' }
  })
  return { process, stays: ended, refusals, events }
}

/** When more was in use, between two times, than the limit, of each key. */
export function excesses(stays: readonly Stay[], limit: number, from = 0, to: number = now()): Excess[] {
  const found: Excess[] = []
  for (const [key, ofKey] of byKey(stays)) {
    for (const { inUse, present, ...span } of spans(ofKey, from, to)) {
      if (inUse <= limit) continue
      const processes = [...new Set([...present].map((stay) => stay.process))]
      found.push({ key, ...span, by: inUse - limit, processes })
    }
  }
  return found
}

/** The most in use at any instant, of any key. */
export function most(stays: readonly Stay[], from = 0, to: number = now()): number {
  let highest = 0
  for (const ofKey of byKey(stays).values()) {
    for (const { inUse } of spans(ofKey, from, to)) highest = Math.max(highest, inUse)
  }
  return highest
}

/** The mean of what was in use, over the limit: 1 if all of it was always in use. */
export function occupancy(
  stays: readonly Stay[],
  limit: number,
  keys: number,
  from: number,
  to: number,
): number {
  let sum = 0
  for (const stay of stays)
    sum += stay.weight * Math.max(0, Math.min(stay.to, to) - Math.max(stay.from, from))
  return sum / (limit * keys * (to - from))
}

/** When, from `after` on, what others than `process` have in use first reached `amount`. */
export function reached(
  stays: readonly Stay[],
  amount: number,
  after: number,
  process: string,
): number | undefined {
  const others = stays.filter((stay) => stay.process !== process)
  for (const { inUse, from } of spans(others, after, now())) if (inUse >= amount) return from
  return undefined
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

interface Span {
  readonly from: number
  readonly to: number
  readonly inUse: number
  readonly present: ReadonlySet<Stay>
}

/** The time between, cut wherever somebody enters or exits. `present` changes with each step. */
function* spans(stays: readonly Stay[], from: number, to: number): Generator<Span> {
  const steps = stays
    .filter((stay) => stay.from < stay.to)
    .flatMap((stay) => [
      { at: stay.from, stay, enters: true },
      { at: stay.to, stay, enters: false },
    ])
  // Who exits at the same nanosecond makes room.
  steps.sort((a, b) => a.at - b.at || Number(a.enters) - Number(b.enters))
  const present = new Set<Stay>()
  let inUse = 0
  for (const [index, { stay, enters, at }] of steps.entries()) {
    if (enters) {
      present.add(stay)
      inUse += stay.weight
    } else if (present.delete(stay)) inUse -= stay.weight
    const start = Math.max(at, from)
    const end = Math.min(steps[index + 1]?.at ?? Infinity, to)
    if (start < end) yield { from: start, to: end, inUse, present }
  }
}

function byKey(stays: readonly Stay[]): Map<string, Stay[]> {
  const keys = new Map<string, Stay[]>()
  for (const stay of stays) {
    const ofKey = keys.get(stay.key)
    if (ofKey === undefined) keys.set(stay.key, [stay])
    else ofKey.push(stay)
  }
  return keys
}

function ms(nanoseconds: string): number {
  return Number(BigInt(nanoseconds)) / 1e6
}
