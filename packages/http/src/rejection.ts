import type { Limiter, RejectedError, RejectionReason } from '@lineclear/core'
import type { Calendar } from './calendar.ts'
import type { CommonOptions } from './options.ts'

/** A refusal as HTTP sees it, for an adapter to send. */
export interface Rejection {
  readonly reason: RejectionReason
  readonly status: number
  /** Retry-After and RateLimit-Policy, as far as they are to be sent. */
  readonly headers: Readonly<Record<string, string>>
  /** The default answer: RFC 9457 problem details, as JSON, and its content type. */
  readonly body: string
  readonly type: string
}

const POLICY = 'concurrency'
const TYPE = 'application/problem+json'

const DETAILS: Record<RejectionReason, string> = {
  full: 'All permits are in use and the queue is full.',
  evicted: 'Turned out of the queue to make room for another request.',
  timeout: 'No permit became free in time.',
  shed: 'Waited too long in an overloaded queue.',
  closed: 'The server is shutting down.',
}

type Shape = Pick<CommonOptions<never[]>, 'statusCode' | 'retryAfter' | 'headers'> & { key?: unknown }

/** Makes the refusals of one limit. */
export class Rejections {
  readonly #limiter: Limiter
  readonly #status: number
  readonly #retryAfter: number | false | undefined
  readonly #calendar: Calendar
  readonly #policy: boolean
  readonly #problem: object
  readonly #bodies: Record<RejectionReason, string>

  constructor(limiter: Limiter, options: Shape, calendar: Calendar) {
    const perKey = options.key !== undefined
    this.#limiter = limiter
    this.#status = options.statusCode ?? (perKey ? 429 : 503)
    this.#retryAfter = options.retryAfter
    this.#calendar = calendar
    this.#policy = options.headers ?? true
    this.#problem = { ...(perKey ? QUOTA_EXCEEDED : REDUCED_CAPACITY), status: this.#status }
    this.#bodies = Object.fromEntries(
      Object.entries(DETAILS).map(([reason, detail]) => [reason, this.#body(reason, detail)]),
    ) as Record<RejectionReason, string>
  }

  /** @param key of the request, if it has one */
  make(rejected: Pick<RejectedError, 'reason'> & Partial<RejectedError>, key: string | undefined): Rejection {
    const { reason, retryAfter, detail } = rejected
    const headers: Record<string, string> = {}
    if (this.#retryAfter !== false) {
      headers['retry-after'] = this.#secondsFor(reason, retryAfter ?? this.#retryAfter, key)
    }
    const { limit } = this.#limiter
    if (this.#policy && limit !== undefined) {
      headers['ratelimit-policy'] = `"${POLICY}";q=${limit};qu="concurrent-requests"`
    }
    const body = detail === undefined ? this.#bodies[reason] : this.#body(reason, detail)
    return { reason, status: this.#status, headers, body, type: TYPE }
  }

  #body(reason: string, detail: string): string {
    return JSON.stringify({ ...this.#problem, detail, reason })
  }

  #secondsFor(reason: RejectionReason, fixed: number | undefined, key: string | undefined): string {
    if (fixed !== undefined) return jittered(fixed)
    // Who comes after a limiter that is closed has a calendar of its own.
    return reason === 'closed' ? jittered(1) : String(this.#calendar.next(key))
  }
}

// Problem types and quota unit: draft-ietf-httpapi-ratelimit-headers-10.
const REDUCED_CAPACITY = {
  type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
  title: 'Request cannot be satisfied due to temporary server capacity constraints',
}
const QUOTA_EXCEEDED = {
  type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
  title: 'Request cannot be satisfied as assigned quota has been exceeded',
  'violated-policies': [POLICY],
}

/** Whole seconds, from the given to half as much again; rounded by chance, so that the spread survives. */
function jittered(seconds: number): string {
  const spread = seconds * (1 + Math.random() / 2)
  return String(Math.max(Math.ceil(seconds), Math.floor(spread + Math.random())))
}
