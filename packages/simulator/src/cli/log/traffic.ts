import { Sample, type Summary } from '../../sample.ts'
import type { AccessLog } from './access-log.ts'

/** What a log was like. */
export interface Traffic {
  /** Ms from the first arrival to the last. */
  readonly span: number
  readonly duration: Summary
  /** Requests under way at once, on average and at most. */
  readonly meanInside: number
  readonly mostInside: number
  /** Median duration of those that came when it was busiest (a tenth) by that of the quieter half; NaN if unknown. */
  readonly slowdown: number
}

export function trafficOf({ arrivals, durations }: AccessLog): Traffic {
  const count = arrivals.length
  const ends = Float64Array.from(arrivals, (at, i) => at + (durations[i] as number)).sort()
  const inside = new Float64Array(count)
  const levels = new Sample()
  let ended = 0
  let most = 0
  for (let i = 0; i < count; i++) {
    while (ended < i && (ends[ended] as number) <= (arrivals[i] as number)) ended++
    const level = i + 1 - ended
    inside[i] = level
    levels.add(level)
    most = Math.max(most, level)
  }
  const [middle, high] = [levels.percentile(0.5), levels.percentile(0.9)]
  const all = new Sample()
  const quiet = new Sample()
  const busy = new Sample()
  for (let i = 0; i < count; i++) {
    const duration = durations[i] as number
    all.add(duration)
    if ((inside[i] as number) <= middle) quiet.add(duration)
    if ((inside[i] as number) >= high) busy.add(duration)
  }
  const span = arrivals[count - 1] as number
  return {
    span,
    duration: all.summary(),
    meanInside: (all.mean * count) / Math.max(span, 1),
    mostInside: most,
    slowdown: high > middle && busy.count >= 100 ? busy.percentile(0.5) / quiet.percentile(0.5) : Number.NaN,
  }
}
