/** What one line of an access log says. */
export interface LogLine {
  /** Ms since 1970. */
  readonly time: number
  /** Ms, if `exact`; else in the log's own unit. */
  readonly duration: number
  /** Whether the line says in which unit the duration is. */
  readonly exact: boolean
}

export interface LineOptions {
  /** Where the duration is: a field of JSON (dots lead into objects), or `name=` in a line of text. */
  readonly durationField?: string | undefined
  /** Where the time is, in JSON. */
  readonly timeField?: string | undefined
  /** Of durations that do not say it themselves. */
  readonly durationUnit?: 's' | 'ms' | 'us' | 'ns' | undefined
}

/** Reads a line in Common or Combined Log Format with a duration, or of JSON; undefined if it cannot. */
export function readLine(line: string, options: LineOptions): LogLine | undefined {
  return line.startsWith('{') ? readJson(line, options) : readText(line, options)
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const STAMP = /\[(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d)(\.\d+)? ([+-])(\d\d)(\d\d)\]/
const ISO_STAMP = /\[(\d{4}-\d\d-\d\dT[^\]]+)\]/
const AMOUNT = '(\\d+(?:\\.\\d+)?)(ns|us|µs|ms|s)?'
// The last field of the line, alone or after `name=`, with or without quotes around all of it.
const LAST = new RegExp(`[\\s=](?:${AMOUNT}|"${AMOUNT}")$`)
// Without a duration, the last field is how many bytes were sent.
const ENDS_WITH_BYTES = /^\s*"(?:[^"\\]|\\.)*" \d{3} (?:\d+|-)$/

function readText(line: string, { durationField, durationUnit }: LineOptions): LogLine | undefined {
  const text = line.trimEnd()
  const stamp = STAMP.exec(text) ?? ISO_STAMP.exec(text)
  if (stamp === null) return undefined
  const time = stamp.length > 2 ? timeOf(stamp) : Date.parse(stamp[1] as string)
  const rest = text.slice(stamp.index + stamp[0].length)
  if (durationField === undefined && ENDS_WITH_BYTES.test(rest)) return undefined
  const found = (durationField === undefined ? LAST : named(durationField)).exec(rest)
  if (found === null) return undefined
  return lineOf(time, Number(found[1] ?? found[3]), UNITS[found[2] ?? found[4] ?? durationUnit ?? ''])
}

function timeOf([
  ,
  day,
  month,
  year,
  hour,
  minute,
  second,
  fraction,
  sign,
  east,
  eastMinutes,
]: RegExpExecArray): number {
  const index = MONTHS.indexOf(month as string)
  if (index < 0) return Number.NaN
  const local = Date.UTC(Number(year), index, Number(day), Number(hour), Number(minute), Number(second))
  const offset = (Number(east) * 60 + Number(eastMinutes)) * 60_000
  return local + Number(fraction ?? 0) * 1000 + (sign === '+' ? -offset : offset)
}

const patterns = new Map<string, RegExp>()

function named(name: string): RegExp {
  let pattern = patterns.get(name)
  if (pattern === undefined) {
    const literal = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    pattern = new RegExp(`(?:^|[\\s",;])${literal}[=:](?:${AMOUNT}|"${AMOUNT}")(?![\\w.])`)
    patterns.set(name, pattern)
  }
  return pattern
}

const UNITS: Readonly<Record<string, number | undefined>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000 }

// In the order they are looked for.
const TIMES = [
  'time',
  'timestamp',
  '@timestamp',
  'ts',
  'time_iso8601',
  'datetime',
  'date',
  'time_local',
  'msec',
  'start_time',
  'startTime',
  'StartUTC',
]
const DURATIONS: readonly (readonly [name: string, unit: number | undefined])[] = [
  // nginx, pino-http, Traefik.
  ['request_time', 1000],
  ['responseTime', 1],
  ['Duration', 1e-6],
  ...['duration', 'latency', 'elapsed', 'took', 'response_time', 'request_duration'].flatMap((name) => [
    ...[
      ['_ms', 1],
      ['Ms', 1],
      ['_us', 1e-3],
      ['_s', 1000],
      ['_seconds', 1000],
    ].map(([suffix, unit]) => [`${name}${suffix}`, unit as number] as const),
    [name, undefined] as const,
  ]),
  ['upstream_response_time', 1000],
]

function readJson(
  line: string,
  { timeField, durationField, durationUnit }: LineOptions,
): LogLine | undefined {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(line)
  } catch {
    return undefined
  }
  const time = instant(timeField === undefined ? firstOf(entry, TIMES) : at(entry, timeField))
  const [name, unit] =
    DURATIONS.find(([name]) => {
      return durationField === undefined
        ? entry[name] !== undefined
        : name === durationField.split('.').at(-1)
    }) ?? []
  const path = durationField ?? name
  if (path === undefined) return undefined
  return durationOf(time, at(entry, path), durationUnit === undefined ? unit : UNITS[durationUnit])
}

function firstOf(entry: Record<string, unknown>, names: readonly string[]): unknown {
  const name = names.find((name) => entry[name] !== undefined)
  return name === undefined ? undefined : entry[name]
}

/** A field, also one inside of objects; a name with dots is looked for as it is first. */
function at(entry: Record<string, unknown>, path: string): unknown {
  if (entry[path] !== undefined) return entry[path]
  let value: unknown = entry
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<string, unknown>)[name]
  }
  return value
}

/** Ms since 1970, from a text or from a number of s, ms, us or ns, told apart by their size. */
function instant(value: unknown): number {
  if (typeof value === 'string' && !/^\d+(\.\d+)?$/.test(value)) {
    const stamp = STAMP.exec(`[${value}]`)
    return stamp === null ? Date.parse(value) : timeOf(stamp)
  }
  const number = typeof value === 'string' ? Number(value) : value
  if (typeof number !== 'number') return Number.NaN
  if (number < 1e11) return number * 1000
  if (number < 1e14) return number
  return number < 1e17 ? number / 1e3 : number / 1e6
}

const WHOLE_AMOUNT = new RegExp(`^${AMOUNT}$`)

function durationOf(time: number, value: unknown, unit: number | undefined): LogLine | undefined {
  if (typeof value === 'number') return lineOf(time, value, unit)
  const found = typeof value === 'string' ? WHOLE_AMOUNT.exec(value) : null
  return found === null ? undefined : lineOf(time, Number(found[1]), UNITS[found[2] ?? ''] ?? unit)
}

function lineOf(time: number, duration: number, unit: number | undefined): LogLine | undefined {
  if (!Number.isFinite(time) || !(duration >= 0 && duration < Infinity)) return undefined
  return { time, duration: duration * (unit ?? 1), exact: unit !== undefined }
}
