import { type Limiter, type Permit, RejectedError } from '@lineclear/core'
import { checkCount, checkOptions } from '@lineclear/core/check'
import type { Arrival } from './arrivals.ts'
import { Attempt, type AttemptOutcome, type AttemptRecord, type Client } from './attempt.ts'
import type { Candidate, MakeLimiter } from './candidate.ts'
import { checkAmount, checkPositive } from './check.ts'
import { ClientSignal } from './client-signal.ts'
import { Crowd } from './crowd.ts'
import { Heap } from './heap.ts'
import { Random } from './random.ts'
import type { Result, Step } from './result.ts'
import { Sample } from './sample.ts'
import { type Clients, type Retries, SCENARIO_FIELDS, type Scenario } from './scenario.ts'
import { unlimited } from './server.ts'
import { whenSettled } from './settle.ts'
import { Station } from './station.ts'
import { TimeSeries } from './time-series.ts'
import { VirtualClock } from './virtual-clock.ts'

export interface Watchers {
  /** Called at the end of each attempt, also in the warm-up. */
  onAttempt?: ((attempt: AttemptRecord) => void) | undefined
  /** Called at the end of each step of the time series, with the limiter as it is then. */
  onStep?: ((step: Step, limiter: Limiter) => void) | undefined
  /**
   * Give the limiter the platform's AbortSignals, which it needs only if it hands them on, for instance to
   * `AbortSignal.any`. They make simulations of impatient clients take twice as long. Default false.
   */
  realSignals?: boolean | undefined
}

/**
 * Lets a load run against a limiter, in simulated time, and tells what came of it. The same scenario and
 * seed give the same result; every limiter sees the same requests, of the same work.
 *
 * Rejects with a TypeError or RangeError for a bad scenario, naming the field, and with whatever the limiter
 * throws that is not a {@link RejectedError}.
 */
export async function simulate(
  scenario: Scenario,
  makeLimiter: MakeLimiter,
  watchers: Watchers = {},
): Promise<Result> {
  return new Simulation(scenario, makeLimiter, watchers).run()
}

class Simulation {
  readonly #seed: number | string
  readonly #duration: number
  readonly #warmUp: number
  readonly #end: number
  readonly #clock = new VirtualClock()
  readonly #limiter: Limiter
  readonly #retryAfter: Candidate['retryAfter']
  readonly #station: Station<Attempt>
  readonly #clients: Clients
  readonly #watchers: Watchers
  readonly #arrivals: Iterator<Arrival, unknown>
  readonly #crowd: Crowd
  readonly #latency = new Sample()
  readonly #waits = new Sample()
  readonly #series: TimeSeries
  /** Attempts whose clients leave, and clients that come back, at a time. */
  readonly #events = new Heap<Attempt | Client>()
  #next: Arrival | undefined
  /** Requests that are neither answered nor given up. */
  #open = 0
  /** Pieces of work under way. */
  #working = 0
  #answers = 0
  #completions = 0
  /** Steps that the watcher has been told of. */
  #watched = 0
  #done: (result: Result) => void = () => {}
  #fail: (error: unknown) => void = () => {}
  #failed = false

  constructor(scenario: Scenario, makeLimiter: MakeLimiter, watchers: Watchers) {
    checkScenario(scenario)
    checkOptions('watchers', watchers, ['onAttempt', 'onStep', 'realSignals'])
    const { seed = 1, duration, warmUp = 0, drain = 60_000, bucket = 1000, clients = {} } = scenario
    this.#seed = seed
    this.#duration = duration
    this.#warmUp = warmUp
    this.#end = duration + drain
    this.#clients = clients
    this.#watchers = watchers
    this.#station = new Station(scenario.server ?? unlimited())
    this.#arrivals = scenario.arrivals(new Random(seed, 'arrivals'))
    this.#crowd = new Crowd(scenario)
    const made = makeLimiter({ clock: this.#clock, random: new Random(seed, 'limiter') })
    const candidate = 'limiter' in made ? made : { limiter: made }
    this.#limiter = candidate.limiter
    this.#retryAfter = candidate.retryAfter
    this.#series = new TimeSeries(bucket, warmUp, duration, () => this.#limiter.limit)
  }

  run(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#done = resolve
      this.#fail = (error) => {
        this.#failed = true
        reject(error)
      }
      this.#fetch()
      whenSettled(this.#turn)
    })
  }

  /** One event, after which everything that it brings about happens before the next. */
  readonly #turn = (): void => {
    if (this.#failed) return
    try {
      if (this.#step()) whenSettled(this.#turn)
      else this.#done(this.#result())
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Whether something happened. At the same time, work ends before clients leave, and they before others come. */
  #step(): boolean {
    const idle = this.#open + this.#working === 0 && this.#next === undefined
    const until = idle ? this.#duration : this.#end
    const ends = this.#station.nextAt
    const rings = this.#clock.nextAt
    const leaves = this.#nextEvent()
    const comes = this.#next?.at ?? Infinity
    const at = Math.min(ends, rings, leaves, comes)
    if (at > until || at === Infinity) return this.#rest(until)
    this.#moveTo(at)
    if (ends === at) {
      const attempt = this.#station.next()
      if (attempt !== undefined) this.#finish(attempt)
    } else if (rings === at) {
      this.#clock.ring()
    } else if (leaves === at) {
      const event = this.#events.pop()
      if (event instanceof Attempt) this.#leave(event)
      else if (event !== undefined) this.#attempt(event)
    } else {
      this.#arrive(this.#next as Arrival)
      this.#fetch()
    }
    return true
  }

  /** Lets the rest of the time pass, and ends. */
  #rest(until: number): false {
    this.#moveTo(Math.max(this.#clock.now(), until < Infinity ? until : this.#duration))
    this.#series.end()
    this.#watch()
    return false
  }

  #moveTo(time: number): void {
    this.#series.moveTo(time)
    this.#clock.moveTo(time)
    if (this.#watched < this.#series.steps.length) this.#watch()
  }

  #watch(): void {
    const { steps } = this.#series
    for (; this.#watched < steps.length; this.#watched++) {
      this.#watchers.onStep?.(steps[this.#watched] as Step, this.#limiter)
    }
  }

  /** When a client does something next, leaving out those attempts that are over. */
  #nextEvent(): number {
    for (let next = this.#events.first; next instanceof Attempt && next.over; next = this.#events.first) {
      this.#events.pop()
    }
    return this.#events.key
  }

  #fetch(): void {
    const { done, value } = this.#arrivals.next()
    this.#next = done === true || (value as Arrival).at > this.#duration ? undefined : (value as Arrival)
    if (this.#next === undefined) return
    if (!(this.#next.at >= this.#clock.now())) {
      throw new RangeError(
        `arrivals must come in order; received ${this.#next.at} at ${this.#clock.now()} ms`,
      )
    }
  }

  #arrive(arrival: Arrival): void {
    const client = this.#crowd.next(arrival)
    this.#open++
    this.#series.current.offered++
    for (const counts of client.counts) counts.offered++
    this.#attempt(client)
  }

  #attempt(client: Client): void {
    client.tries++
    const now = this.#clock.now()
    const attempt = new Attempt(client, now)
    this.#series.current.attempts++
    for (const counts of client.counts) counts.attempts++
    const mayLeave = client.patience < Infinity
    const { request } = client
    // As the adapters do: what is free is taken at once, with no promise and no signal.
    const permit = this.#limiter.tryAcquire(request)
    if (mayLeave) this.#events.push(now + client.patience, attempt)
    if (permit === undefined) this.#ask(attempt, mayLeave)
    else this.#enter(attempt, permit)
  }

  #ask(attempt: Attempt, mayLeave: boolean): void {
    let asked = attempt.client.request
    if (mayLeave) {
      attempt.controller = this.#watchers.realSignals === true ? new AbortController() : new ClientSignal()
      const signal = 'signal' in attempt.controller ? attempt.controller.signal : attempt.controller
      asked = { ...asked, signal }
    }
    this.#series.waiting++
    this.#limiter
      .acquire(asked)
      .then(
        (permit) => this.#granted(attempt, permit),
        (error) => this.#refused(attempt, error),
      )
      .catch(this.#fail)
  }

  #granted(attempt: Attempt, permit: Permit): void {
    this.#stopWaiting(attempt)
    // It left and the limiter did not listen: its work never starts.
    if (attempt.left) permit.release(this.#clients.outcomeWhenLeft ?? 'ignored')
    else this.#enter(attempt, permit)
  }

  #refused(attempt: Attempt, error: unknown): void {
    this.#stopWaiting(attempt)
    if (attempt.left && error === LEFT) return
    if (!(error instanceof RejectedError)) throw error
    if (attempt.left) return
    const { client } = attempt
    attempt.over = true
    this.#series.current.refused++
    for (const counts of client.counts) counts.refused[error.reason]++
    this.#report(attempt, error.reason)
    const { retries } = this.#clients
    if (retries !== undefined && (retries.reasons?.includes(error.reason) ?? true)) {
      const asked = (retries.obey ?? true) ? this.#askedToWait(error) : undefined
      if (this.#comeBack(client, retries, asked)) return
    }
    this.#open--
    for (const counts of client.counts) counts.failed++
  }

  #stopWaiting(attempt: Attempt): void {
    this.#series.waiting--
    if (this.#clock.now() > attempt.at) for (const counts of attempt.client.counts) counts.waited++
  }

  #askedToWait(error: RejectedError): number | undefined {
    const seconds = this.#retryAfter?.(error) ?? error.retryAfter
    return seconds === undefined ? undefined : seconds * 1000
  }

  #enter(attempt: Attempt, permit: Permit): void {
    const now = this.#clock.now()
    const { client } = attempt
    attempt.permit = permit
    attempt.admittedAt = now
    this.#series.inUse += client.weight
    this.#series.current.admitted++
    for (const counts of client.counts) counts.admitted++
    if (client.counts.length > 0) this.#waits.add(now - attempt.at)
    this.#working++
    this.#station.start(attempt, now)
  }

  #finish(attempt: Attempt): void {
    const now = this.#clock.now()
    const { client } = attempt
    this.#release(attempt)
    this.#working--
    attempt.over = true
    this.#series.current.completed++
    if (this.#series.counts) this.#completions++
    if (attempt.left) {
      this.#report(attempt, 'late')
      return
    }
    this.#open--
    this.#series.answer(now - client.at)
    if (this.#series.counts) this.#answers++
    for (const counts of client.counts) counts.succeeded++
    if (client.counts.length > 0) this.#latency.add(now - client.at)
    this.#report(attempt, 'answered')
  }

  #release(attempt: Attempt): void {
    const { permit } = attempt
    if (permit === undefined) return
    attempt.permit = undefined
    this.#series.inUse -= attempt.client.weight
    permit.release(attempt.left ? (this.#clients.outcomeWhenLeft ?? 'ignored') : 'success')
  }

  /** A client has waited long enough for its answer. */
  #leave(attempt: Attempt): void {
    const { client } = attempt
    attempt.left = true
    this.#series.current.left++
    if (attempt.permit === undefined) {
      attempt.over = true
      this.#report(attempt, 'left')
      attempt.controller?.abort(LEFT)
    } else {
      for (const counts of client.counts) counts.wasted++
      const { whenLeft = 'finish' } = this.#clients
      if (whenLeft === 'cancel') {
        this.#station.cancel(attempt, this.#clock.now())
        this.#working--
        attempt.over = true
        this.#report(attempt, 'late')
      }
      if (whenLeft !== 'finish') this.#release(attempt)
    }
    const { retries } = this.#clients
    if (retries?.afterLeaving === true && this.#comeBack(client, retries, undefined)) return
    this.#open--
    for (const counts of client.counts) counts.gaveUp++
  }

  /** Whether the client tries again. */
  #comeBack(client: Client, { tries, backoff }: Retries, asked: number | undefined): boolean {
    if (client.tries >= tries) return false
    const random = new Random(this.#seed, 'retry', client.id, client.tries)
    const wait = asked ?? backoff?.(client.tries + 1, random) ?? 1000 * (1 + random.next() / 2)
    this.#events.push(this.#clock.now() + wait, client)
    return true
  }

  #report(attempt: Attempt, outcome: AttemptOutcome): void {
    this.#watchers.onAttempt?.(attempt.record(outcome, this.#clock.now()))
  }

  #result(): Result {
    const window = this.#duration - this.#warmUp
    const { total, byKey, byPriority } = this.#crowd
    this.#crowd.end()
    return {
      ...total,
      seed: this.#seed,
      window,
      goodput: (this.#answers * 1000) / window,
      throughput: (this.#completions * 1000) / window,
      latency: this.#latency.summary(),
      wait: this.#waits.summary(),
      inUse: this.#series.inUseArea / window,
      waiting: this.#series.waitingArea / window,
      mostInUse: this.#series.mostInUse,
      mostWaiting: this.#series.mostWaiting,
      byKey,
      byPriority,
      series: this.#series.steps,
    }
  }
}

/** Why a client's signal aborts: made once, since a DOMException is expensive. */
const LEFT: Error = new Error('The client left')

function checkScenario(scenario: Scenario): void {
  checkOptions('scenario', scenario, SCENARIO_FIELDS)
  const { duration, warmUp = 0, drain = 0, bucket = 1000, arrivals, clients = {} } = scenario
  checkPositive('duration', duration)
  checkAmount('warmUp', warmUp)
  if (warmUp >= duration) throw new RangeError(`warmUp must be less than duration; received ${warmUp}`)
  if (drain !== Infinity) checkAmount('drain', drain)
  checkPositive('bucket', bucket)
  if (typeof arrivals !== 'function') throw new TypeError(`arrivals must be a function; received ${arrivals}`)
  checkOptions('clients', clients, [
    'patience',
    'whenLeft',
    'outcomeWhenLeft',
    'retries',
    'key',
    'priority',
    'weight',
  ])
  const { retries } = clients
  if (retries === undefined) return
  checkOptions('retries', retries, ['tries', 'obey', 'backoff', 'afterLeaving', 'reasons'])
  checkCount('retries tries', retries.tries, 1)
}
