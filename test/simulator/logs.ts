import { type Arrivals, exponential, noLimit, simulate } from '@lineclear/simulator'

/** A request that a log tells of, in ms. */
export interface Logged {
  start: number
  duration: number
}

const START = Date.UTC(2024, 9, 10, 13, 55, 36)

/** What a server without a limit would have logged, in the order that requests were over. */
export async function logged(
  arrivals: Arrivals,
  duration: number,
  mean: number,
  seed = 1,
): Promise<Logged[]> {
  const requests: Logged[] = []
  await simulate({ seed, arrivals, duration, service: exponential(mean), bucket: duration }, noLimit, {
    onAttempt: ({ at, endedAt }) => requests.push({ start: START + at, duration: endedAt - at }),
  })
  return requests
}

const two = (number: number): string => String(number).padStart(2, '0')

/** As in `[10/Oct/2024:13:55:36 +0200]`. */
function stamp(time: number): string {
  const date = new Date(time + 2 * 3600_000)
  const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].map(two).join(':')
  return `[${two(date.getUTCDate())}/Oct/${date.getUTCFullYear()}:${clock} +0200]`
}

const REQUEST =
  '"GET /report?id=7 HTTP/1.1" 200 2326 "https://example.com/a b" "Mozilla/5.0 (X11; rv:1.0) Gecko/1"'

/** nginx: the time it was over, and `$request_time`. */
export function nginx({ start, duration }: Logged): string {
  return `203.0.113.7 - alice ${stamp(start + duration)} ${REQUEST} ${(duration / 1000).toFixed(3)}`
}

/** Apache: the time it came, and `%D`. */
export function apache({ start, duration }: Logged): string {
  return `203.0.113.7 - - ${stamp(start)} ${REQUEST} ${Math.round(duration * 1000)}`
}

/** pino-http. */
export function pino({ start, duration }: Logged): string {
  const time = Math.round(start + duration)
  return JSON.stringify({
    level: 30,
    time,
    req: { method: 'GET' },
    responseTime: Math.round(duration),
    msg: 'request completed',
  })
}
