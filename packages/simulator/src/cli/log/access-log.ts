import { Random } from '../../random.ts'
import { Column } from './column.ts'
import { type LineOptions, readLine } from './line.ts'

export interface LogOptions extends LineOptions {
  /** Whether a line's time is when its request came or when it was over. Default: as the log looks. */
  readonly timeIs?: 'start' | 'end' | undefined
}

/** The requests of an access log, in the order they came. */
export interface AccessLog {
  /** Ms after the first one. */
  readonly arrivals: Float64Array
  /** Ms that each took. */
  readonly durations: Float64Array
  /** Lines that could not be read. */
  readonly malformed: number
  /** The first few of them, with their numbers. */
  readonly examples: readonly string[]
  /** How it was read, for the user to check. */
  readonly readAs: readonly string[]
}

const UNITS = { s: 1000, ms: 1, us: 1e-3 }

/**
 * Reads a log line by line, whatever its length: 16 bytes of it are kept a line.
 *
 * @throws TypeError if no line can be read.
 */
export async function readAccessLog(
  lines: AsyncIterable<string> | Iterable<string>,
  options: LogOptions = {},
): Promise<AccessLog> {
  const times = new Column()
  const durations = new Column()
  const seen = {
    lines: 0,
    malformed: 0,
    examples: [] as string[],
    json: false,
    exact: 0,
    fractions: 0,
    subseconds: 0,
  }
  for await (const line of lines) {
    seen.lines++
    if (line.trim() === '') continue
    const read = readLine(line, options)
    if (read === undefined) {
      seen.malformed++
      if (seen.examples.length < 3) seen.examples.push(`line ${seen.lines}: ${line.slice(0, 160)}`)
      continue
    }
    seen.json ||= line.startsWith('{')
    times.add(read.time)
    // Below 0 stands for one whose unit the line does not say.
    durations.add(read.exact ? read.duration : -read.duration)
    if (read.exact) seen.exact++
    else if (!Number.isInteger(read.duration)) seen.fractions++
    if (read.time % 1000 !== 0) seen.subseconds++
  }
  if (times.size === 0) {
    const [example = 'the log is empty'] = seen.examples
    throw new TypeError(`no line with a time and a duration was found; ${example}`)
  }
  const readAs: string[] = []
  const took = durations.values
  if (options.durationUnit !== undefined) {
    readAs.push(`durations in ${options.durationUnit}`)
  } else if (seen.exact < times.size) {
    const unit = seen.fractions > 0 ? 's' : seen.json ? 'ms' : 'us'
    for (let i = 0; i < took.length; i++) {
      const duration = took[i] as number
      // 0 * -1 is -0, which then is 0 as well.
      took[i] = duration < 0 ? -duration * UNITS[unit] : Math.abs(duration)
    }
    readAs.push(`durations in ${unit}: ${WHY[unit]} (--duration-unit)`)
  }
  const when = times.values
  const { timeIs = looksLike(when, took) } = options
  readAs.push(
    timeIs === 'end'
      ? 'times are when requests were over, so they came a duration earlier (--time-is)'
      : 'times are when requests came (--time-is)',
  )
  if (seen.subseconds === 0) {
    spread(when, timeIs === 'end')
    readAs.push('times are whole seconds, so requests were spread at random within each')
  }
  if (timeIs === 'end')
    for (let i = 0; i < when.length; i++) when[i] = (when[i] as number) - (took[i] as number)
  return { ...inOrder(when, took), malformed: seen.malformed, examples: seen.examples, readAs }
}

const WHY = {
  s: 'they have fractions, as nginx’s $request_time',
  us: 'they are whole numbers, as Apache’s %D',
  ms: 'they are whole numbers',
}

/** Lines are written when requests are over, so these times go back only if they are of the arrivals. */
function looksLike(times: Float64Array, durations: Float64Array): 'start' | 'end' {
  let [back, endsBack] = [0, 0]
  for (let i = 1; i < times.length; i++) {
    const [time, before] = [times[i] as number, times[i - 1] as number]
    if (time < before) back++
    // Times that are whole seconds may be off by one.
    if (time + (durations[i] as number) < before + (durations[i - 1] as number) - 1000) endsBack++
  }
  return back > times.length / 1000 && endsBack < back / 2 ? 'start' : 'end'
}

/** Gives times that are whole seconds their fractions, in the order of the lines if that is theirs. */
function spread(times: Float64Array, ordered: boolean): void {
  const random = new Random('spread')
  for (let from = 0; from < times.length; ) {
    let to = from + 1
    while (to < times.length && times[to] === times[from]) to++
    const fractions = Float64Array.from({ length: to - from }, () => random.next() * 1000)
    if (ordered) fractions.sort()
    for (let i = from; i < to; i++) times[i] = (times[i] as number) + (fractions[i - from] as number)
    from = to
  }
}

function inOrder(arrivals: Float64Array, durations: Float64Array): Pick<AccessLog, 'arrivals' | 'durations'> {
  const order = Uint32Array.from(arrivals, (_, i) => i)
  order.sort((a, b) => (arrivals[a] as number) - (arrivals[b] as number))
  const first = arrivals[order[0] as number] as number
  return {
    arrivals: Float64Array.from(order, (i) => (arrivals[i] as number) - first),
    durations: Float64Array.from(order, (i) => durations[i] as number),
  }
}
