import { createReadStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { pipeline, type Readable } from 'node:stream'
import { parseArgs } from 'node:util'
import { createGunzip } from 'node:zlib'
import type { Queue } from '@lineclear/core'
import { checkCount } from '@lineclear/core/check'
import { readQueue } from './candidates.ts'
import { compare, comparison } from './compare.ts'
import { Field } from './field.ts'
import { htmlPage } from './html.ts'
import { readAccessLog } from './log/access-log.ts'
import { advise, type NamedSetting } from './log/report.ts'
import { readScenario, type ScenarioFile } from './scenario-file.ts'

const USAGE = `lineclear-simulate: what would a load do to these limits?

  lineclear-simulate <scenario.json>   compare the candidates that the file names
  lineclear-simulate --from <log>      which permits, queue and queueTimeout would an access log want?

With a scenario:
  --seed <number>            another seed than the file's
  --html <file>              write a page with plots over time as well

With a log (Combined Log Format with a duration at the end, or JSON lines; .gz too, - for standard input):
  --max-wait <ms>            what a request may wait without harm; default 100
  --permits <n,n...>         try these as well,
  --queue <n,kind:n...>      each with these queues, such as 0,100,lifo:100
  --queue-timeout <ms,...>   and each with these time-outs
  --duration-unit <unit>     s, ms, us or ns, where the log does not say
  --duration-field <name>    a field of JSON, or name= in a line of text
  --time-field <name>        a field of JSON
  --time-is <start|end>      whether lines have the time when a request came or when it was over

  --help                     this text
`

/** What the command does. Resolves to its exit status: 0, or 2 for what the user has to mend. */
export async function main(args: readonly string[], print: (text: string) => void): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        from: { type: 'string' },
        seed: { type: 'string' },
        html: { type: 'string' },
        'max-wait': { type: 'string' },
        permits: { type: 'string' },
        queue: { type: 'string' },
        'queue-timeout': { type: 'string' },
        'duration-unit': { type: 'string' },
        'duration-field': { type: 'string' },
        'time-field': { type: 'string' },
        'time-is': { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) {
      print(USAGE)
      return 0
    }
    if (values.from !== undefined) {
      print(await adviceFrom(values.from, values))
      return 0
    }
    const [path, ...more] = positionals
    if (path === undefined || more.length > 0) {
      throw new TypeError(`one scenario file is wanted; received ${positionals.length}\n\n${USAGE}`)
    }
    const file = await scenarioFrom(path)
    if (values.seed !== undefined) file.scenario.seed = numberFrom('--seed', values.seed)
    const outcomes = await compare(file)
    print(comparison(file.name, outcomes))
    if (values.html !== undefined) {
      await writeFile(values.html, htmlPage(file.name, outcomes))
      print(`\nplots: ${values.html}`)
    }
    return 0
  } catch (error) {
    if (!(error instanceof Error)) throw error
    print(`lineclear-simulate: ${error.message}`)
    return 2
  }
}

async function scenarioFrom(path: string): Promise<ScenarioFile> {
  const text = await readFile(path, 'utf8')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new TypeError(`${path} is not JSON: ${(error as Error).message}`)
  }
  return readScenario(json)
}

type Values = Readonly<Record<string, string | boolean | undefined>>

async function adviceFrom(path: string, values: Values): Promise<string> {
  const text = (name: string): string | undefined => values[name] as string | undefined
  const maxWait = text('max-wait')
  const settings = settingsFrom(text('permits'), text('queue'), text('queue-timeout'))
  const log = await readAccessLog(linesOf(path), {
    durationUnit: oneOf('duration-unit', text('duration-unit'), ['s', 'ms', 'us', 'ns'] as const),
    durationField: text('duration-field'),
    timeField: text('time-field'),
    timeIs: oneOf('time-is', text('time-is'), ['start', 'end'] as const),
  })
  return advise(log, {
    maxWait: maxWait === undefined ? undefined : numberFrom('--max-wait', maxWait),
    settings,
  })
}

/** All combinations of what was asked for. */
function settingsFrom(permits?: string, queues?: string, timeouts?: string): NamedSetting[] {
  if (permits === undefined) {
    if (queues === undefined && timeouts === undefined) return []
    throw new TypeError('--queue and --queue-timeout need --permits; received none')
  }
  const each = (name: string, text: string): number[] => text.split(',').map((one) => numberFrom(name, one))
  const counts = each('--permits', permits)
  for (const count of counts) checkCount('--permits', count, 1)
  const lines = queues === undefined ? [undefined] : queues.split(',')
  const waits = timeouts === undefined ? [undefined] : each('--queue-timeout', timeouts)
  return counts.flatMap((count) =>
    lines.flatMap((line) =>
      waits.map((wait) => ({
        name: [`${count} permits`, line, wait === undefined ? undefined : `${wait} ms`]
          .filter((part) => part !== undefined)
          .join(', '),
        permits: count,
        queue: line === undefined ? undefined : queueFrom(line),
        queueTimeout: wait,
      })),
    ),
  )
}

/** `100` is fifo; `lifo:100` and `adaptiveLifo` are of the kinds that scenario files know. */
function queueFrom(text: string): () => Queue {
  const [kind, limit] = /^\d+$/.test(text) ? ['fifo', text] : (text.split(':') as [string, string?])
  const field = new Field('--queue', {
    kind,
    limit: limit === undefined ? undefined : numberFrom('--queue', limit),
  })
  readQueue(field)
  return () => readQueue(field)
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const bytes = path === '-' ? process.stdin : createReadStream(path)
  const input: Readable = path.endsWith('.gz') ? pipeline(bytes, createGunzip(), () => {}) : bytes
  input.setEncoding('utf8')
  let rest = ''
  try {
    for await (const chunk of input) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() as string
      yield* lines
    }
  } catch (error) {
    // Its own message names no file.
    throw isOfZlib(error) ? new TypeError(`${path} is not a whole gzip file: ${error.message}`) : error
  }
  yield rest
}

function isOfZlib(error: unknown): error is Error {
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('Z_')
}

function oneOf<T extends string>(
  name: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  if (value === undefined || choices.includes(value as T)) return value as T | undefined
  throw new TypeError(`--${name} must be one of ${choices.join(', ')}; received ${value}`)
}

function numberFrom(name: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || Number.isNaN(number))
    throw new TypeError(`${name} must be a number; received ${text}`)
  return number
}
