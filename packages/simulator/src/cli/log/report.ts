import { adaptiveLifo, fifo, lifo } from '@lineclear/core'
import { refusedIn } from '../../result.ts'
import { figure, percent, table } from '../table.ts'
import type { AccessLog } from './access-log.ts'
import { type Recommendation, recommend } from './recommend.ts'
import { type Replay, replay, type Setting } from './replay.ts'
import { type Traffic, trafficOf } from './traffic.ts'

/** Settings with what the table calls them. */
export interface NamedSetting extends Setting {
  readonly name: string
}

export interface AdviceOptions {
  /** Ms that a request may wait without harm. Default 100. */
  readonly maxWait?: number | undefined
  /** Settings to try beside those that are always tried. */
  readonly settings?: readonly NamedSetting[] | undefined
}

/** What a log says of the settings to choose, in words and a table. */
export async function advise(log: AccessLog, options: AdviceOptions = {}): Promise<string> {
  const { maxWait = 100, settings = [] } = options
  const traffic = trafficOf(log)
  const advice = await recommend(log, traffic, maxWait)
  const rows: string[][] = [row('recommended', advice.replay)]
  for (const setting of [...settings, ...alternatives(advice)]) {
    const made = await replay(log, setting, maxWait)
    if (made !== undefined) rows.push(row(setting.name, made))
  }
  const head = [
    '',
    'admitted',
    'waited',
    `> ${figure(maxWait)} ms`,
    'refused',
    'wait p50',
    'wait p99',
    'longest',
    'in use',
  ]
  return [
    ...describe(log, traffic),
    '',
    'Recommended:',
    '',
    `  limit({ ${optionsOf(advice)} })`,
    '',
    ...whatItDoes(advice),
    '',
    table(head, rows),
    '',
    'Waits are in ms. The recommendation is the fewest permits with which at most one request in a',
    `thousand would have waited longer than ${figure(maxWait)} ms (--max-wait), and nobody would have been refused.`,
    'Durations are taken from the log as they are, however many are inside.',
  ].join('\n')
}

/** The options as a user writes them. */
function optionsOf({ permits, queue, queueTimeout, isDefault }: Recommendation): string {
  if (isDefault) return `permits: ${permits}`
  return `permits: ${permits}, queue: adaptiveLifo({ limit: ${queue} }), queueTimeout: ${queueTimeout}`
}

function describe(log: AccessLog, traffic: Traffic): string[] {
  const { span, duration, meanInside, mostInside, slowdown } = traffic
  const count = log.arrivals.length
  const lines = [
    `${count} requests in ${figure(span / 1000)} s, ${figure((count * 1000) / Math.max(span, 1))} a second`,
    `durations: mean ${figure(duration.mean)} ms, p50 ${figure(duration.p50)}, p99 ${figure(duration.p99)}, longest ${figure(duration.max)}`,
    `at once: ${figure(meanInside)} on average, ${mostInside} at most`,
    ...log.readAs.map((how) => `read: ${how}`),
  ]
  if (log.malformed > 0) {
    lines.push(
      `lines that could not be read: ${log.malformed}, such as`,
      ...log.examples.map((line) => `  ${line}`),
    )
  }
  if (slowdown > 1.5) {
    lines.push(
      `Note: when it was busiest, requests took ${figure(slowdown)} times as long as else. If the server was`,
      'overloaded then, its durations hold that waiting already, and fewer permits would do.',
    )
  }
  return lines
}

function whatItDoes({ queue, queueTimeout, isDefault, replay: { result } }: Recommendation): string[] {
  const its = isDefault ? 'By itself its queue takes' : 'Its queue takes'
  return [
    `${its} ${queue}, for ${queueTimeout} ms at most; on this log ${result.mostWaiting} at most waited at once.`,
    `Of ${result.offered} requests ${result.admitted} would have been admitted, ${result.waited} after a wait, and`,
    `${refusedIn(result)} refused; wait p50 ${figure(result.wait.p50)} ms, p99 ${figure(result.wait.p99)} ms, longest ${figure(result.wait.max)} ms.`,
  ]
}

function alternatives({ permits, queue, queueTimeout }: Recommendation): NamedSetting[] {
  const same = { permits, queue: () => adaptiveLifo({ limit: queue }), queueTimeout }
  const others = [0.5, 0.75, 1.5, 2].map((factor) => Math.max(1, Math.round(permits * factor)))
  return [
    ...[...new Set(others)]
      .filter((count) => count !== permits)
      .map((count) => ({ name: `${count} permits`, permits: count })),
    { name: 'queue: 0', permits, queue: () => fifo({ limit: 0 }) },
    { name: 'queue: fifo 100', permits, queue: () => fifo({ limit: 100 }) },
    { name: 'queue: lifo 100', permits, queue: () => lifo({ limit: 100 }) },
    { name: 'queueTimeout: 1000', ...same, queueTimeout: 1000 },
    { name: '1.5 times the traffic', ...same, load: 1.5 },
    { name: '2 times the traffic', ...same, load: 2 },
  ]
}

function row(name: string, { result, slow }: Replay): string[] {
  const { offered, admitted, waited, wait, inUse } = result
  return [
    name,
    percent(admitted, offered),
    percent(waited, offered),
    percent(slow, offered),
    percent(refusedIn(result), offered),
    figure(wait.p50),
    figure(wait.p99),
    figure(wait.max),
    figure(inUse),
  ]
}
