/** What does the work of those who hold a permit, on simulated time. */
export interface Backend {
  /** A job enters that takes `demand` ms alone. */
  start(job: Job, now: number): void
  /** When the next job will be done; Infinity while there is none. */
  readonly next: number
  /** Takes out the job that is done at `next`. */
  finish(): Job
  /** Takes a job out before it is done. */
  cancel(job: Job, now: number): void
  /** From now on all jobs get on this many times as fast as at first. */
  speed(factor: number, now: number): void
  /** From now on it has this many times the servers that it had at first. */
  servers(factor: number, now: number): void
}

export interface Job {
  readonly demand: number
  cancelled?: boolean
}

/** `count` servers with one line before them, as threads or connections. */
export function pool(count: number): Backend {
  return new Pool(count)
}

/** Every job at once: each at full speed up to `count` of them, at an equal share beyond. */
export function sharing(count: number): Backend {
  return new Shared((jobs, factor) => Math.min(1, (count * factor) / jobs))
}

/** Jobs that hinder one another, by Gunther's universal scalability law. */
export function usl(sigma: number, kappa: number): Backend {
  return new Shared((jobs) => 1 / (1 + sigma * (jobs - 1) + kappa * jobs * (jobs - 1)))
}

class Pool implements Backend {
  readonly #count: number
  #servers: number
  #factor = 1
  readonly #heap = new Heap()
  #waiting: Job[] = []
  #head = 0

  constructor(count: number) {
    this.#count = this.#servers = count
  }

  get next(): number {
    return this.#heap.first
  }

  start(job: Job, now: number): void {
    if (this.#heap.size < this.#servers) this.#heap.push(now + job.demand / this.#factor, job)
    else this.#waiting.push(job)
  }

  finish(): Job {
    const now = this.#heap.first
    const job = this.#heap.pop()
    this.#fill(now)
    return job
  }

  /** A server notices only when it gets to the job; one that runs goes on for nothing. */
  cancel(job: Job): void {
    job.cancelled = true
  }

  /** Jobs that run already keep their time. */
  speed(factor: number): void {
    this.#factor = factor
  }

  servers(factor: number, now: number): void {
    this.#servers = Math.round(this.#count * factor)
    this.#fill(now)
  }

  #fill(now: number): void {
    while (this.#heap.size < this.#servers && this.#head < this.#waiting.length) {
      const job = this.#waiting[this.#head++] as Job
      if (!job.cancelled) this.#heap.push(now + job.demand / this.#factor, job)
    }
    if (this.#head > 1000 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head)
      this.#head = 0
    }
  }
}

/** Each of n jobs gets `rate(n)` ms of work done in a ms: a heap of the work at which each is done. */
class Shared implements Backend {
  readonly #rate: (jobs: number, servers: number) => number
  #factor = 1
  #servers = 1
  readonly #heap = new Heap()
  #work = 0
  #now = 0

  constructor(rate: (jobs: number, servers: number) => number) {
    this.#rate = rate
  }

  get next(): number {
    return this.#heap.size === 0
      ? Number.POSITIVE_INFINITY
      : this.#now + (this.#heap.first - this.#work) / this.#speed
  }

  start(job: Job, now: number): void {
    this.#advance(now)
    this.#heap.push(this.#work + job.demand, job)
  }

  finish(): Job {
    this.#advance(this.next)
    return this.#heap.pop()
  }

  cancel(job: Job, now: number): void {
    this.#advance(now)
    this.#heap.remove(job)
  }

  speed(factor: number, now: number): void {
    this.#advance(now)
    this.#factor = factor
  }

  servers(factor: number, now: number): void {
    this.#advance(now)
    this.#servers = factor
  }

  get #speed(): number {
    return this.#rate(this.#heap.size, this.#servers) * this.#factor
  }

  #advance(now: number): void {
    if (this.#heap.size > 0) this.#work += (now - this.#now) * this.#speed
    this.#now = now
  }
}

/** A binary heap of jobs by time. */
class Heap {
  readonly #at: number[] = []
  readonly #jobs: Job[] = []

  get size(): number {
    return this.#at.length
  }

  get first(): number {
    return this.#at[0] ?? Number.POSITIVE_INFINITY
  }

  push(at: number, job: Job): void {
    this.#at.push(at)
    this.#jobs.push(job)
    this.#rise(this.#at.length - 1)
  }

  pop(): Job {
    return this.#take(0)
  }

  remove(job: Job): void {
    const index = this.#jobs.indexOf(job)
    if (index >= 0) this.#take(index)
  }

  #take(index: number): Job {
    const job = this.#jobs[index] as Job
    const at = this.#at.pop() as number
    const last = this.#jobs.pop() as Job
    if (index < this.#at.length) {
      this.#at[index] = at
      this.#jobs[index] = last
      this.#rise(index)
      this.#sink(index)
    }
    return job
  }

  #rise(start: number): void {
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if ((this.#at[parent] as number) <= (this.#at[index] as number)) return
      this.#swap(index, parent)
      index = parent
    }
  }

  #sink(start: number): void {
    let index = start
    for (;;) {
      const left = 2 * index + 1
      if (left >= this.#at.length) return
      const right = left + 1
      const child =
        right < this.#at.length && (this.#at[right] as number) < (this.#at[left] as number) ? right : left
      if ((this.#at[index] as number) <= (this.#at[child] as number)) return
      this.#swap(index, child)
      index = child
    }
  }

  #swap(a: number, b: number): void {
    const at = this.#at[a] as number
    const job = this.#jobs[a] as Job
    this.#at[a] = this.#at[b] as number
    this.#jobs[a] = this.#jobs[b] as Job
    this.#at[b] = at
    this.#jobs[b] = job
  }
}
