/** Whom a queue serves and turns away, over the line of those who wait in the order they came. */
export interface Discipline {
  /** Lets the newcomer join the line. Returns whoever has no place, which is then not in the line. */
  join(line: Caller[], newcomer: Caller, room: number): Caller | undefined
  next(line: readonly Caller[], limit: number): Caller | undefined
  /** Told who goes in from the line, when it is no longer there. */
  serve?(served: Caller, line: readonly Caller[], limit: number): void
  /** Told when somebody takes its permits, from the line or not, and when it gives them back. */
  take?(caller: Caller): void
  give?(caller: Caller): void
}

/**
 * What a BoundedSemaphore is to do, in arrays and plain loops. It knows callers by a number, and it
 * does nothing by itself: whoever runs it says when the microtask comes that tells the next waiter.
 */
export class Model {
  inUse = 0
  /** Who was told what, in order: `permit`, or why there is none. */
  readonly settled: [caller: number, how: string][] = []
  readonly drained: number[] = []
  limit: number
  readonly #discipline: Discipline
  readonly #room: number
  #line: Caller[] = []
  /** They hold their permits, but may still give up. */
  #untold: Caller[] = []
  /** Somebody who had nobody behind it was handed a permit and told at once, and has yet to run. */
  #woken = false
  readonly #callers: Caller[] = []
  #drains: number[] = []
  #now = 0
  #closed = false

  constructor(limit: number, discipline: Discipline, room: number) {
    this.limit = limit
    this.#discipline = discipline
    this.#room = room
  }

  get waiting(): number {
    return this.#line.length
  }

  get value(): number {
    return Math.max(0, this.limit - this.inUse)
  }

  get locked(): boolean {
    return this.value === 0 || this.#line.length > 0 || this.telling
  }

  /** Whether a microtask is to come. */
  get telling(): boolean {
    return this.#untold.length > 0 || this.#woken
  }

  /** How many timers run: one for each length of time-out, however many wait that long. */
  get timers(): number {
    const lengths = this.#line.map(({ timeout }) => timeout).filter(Number.isFinite)
    return lengths.filter((length, i) => lengths.indexOf(length) === i).length
  }

  /** Whether anybody would leave if this signal aborted. */
  listens(signal: number): boolean {
    return [...this.#line, ...this.#untold].some((caller) => caller.signal === signal)
  }

  acquire(
    id: number,
    weight: number,
    timeout: number,
    signal: number | undefined,
    aborted: boolean,
    wants: Wants = {},
  ): void {
    const caller = this.#call(id, weight, timeout, signal, wants)
    if (this.#isTooHeavy(weight)) this.#settle(id, 'too heavy')
    else if (aborted) this.#settle(id, 'aborted')
    else if (this.#closed) this.#settle(id, 'closed')
    else if (this.#fits(weight) && this.#line.length === 0) this.#enter(caller)
    else if (timeout === 0) this.#settle(id, 'timeout')
    else this.#join(caller)
  }

  /** Whether it gives a permit; `too heavy` if it throws. */
  tryAcquire(id: number, weight: number, aborted: boolean, wants: Wants = {}): boolean | 'too heavy' {
    const caller = this.#call(id, weight, 0, undefined, wants)
    if (this.#isTooHeavy(weight)) return 'too heavy'
    const nobodyAhead = this.#line.length === 0 && !this.telling
    if (aborted || this.#closed || !nobodyAhead || !this.#fits(weight)) return false
    this.#take(caller)
    return true
  }

  release(id: number): void {
    const caller = this.#callers[id]
    if (caller !== undefined) this.#give(caller)
    this.#serve()
  }

  abort(signal: number): void {
    const leaving = [...this.#line, ...this.#untold].filter((caller) => caller.signal === signal)
    for (const { id } of leaving.sort((a, b) => a.id - b.id)) this.#leave(id, 'aborted')
  }

  advance(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const due = this.#line.filter(({ deadline }) => deadline <= end)
      const [first] = due.sort((a, b) => a.deadline - b.deadline || a.id - b.id)
      if (first === undefined) break
      this.#now = first.deadline
      this.#leave(first.id, 'timeout')
    }
    this.#now = end
  }

  resize(limit: number): void {
    this.limit = limit
    this.#serve()
  }

  close(): void {
    this.#closed = true
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      this.#drop(next.id)
      this.#settle(next.id, 'closed')
    }
    this.#serve()
  }

  drain(id: number): void {
    this.#drains.push(id)
    this.#noticeIdle()
  }

  /** The microtask runs: one of those who may still give up no longer may. */
  tell(): void {
    this.#woken = false
    const next = this.#untold.shift()
    if (next !== undefined) this.#settle(next.id, 'permit')
  }

  /** All microtasks run. */
  flush(): void {
    while (this.telling) this.tell()
  }

  #call(
    id: number,
    weight: number,
    timeout: number,
    signal: number | undefined,
    { priority = 0, key }: Wants,
  ): Caller {
    const caller = {
      id,
      weight,
      signal,
      timeout,
      deadline: this.#now + timeout,
      priority,
      key,
      came: this.#now,
    }
    this.#callers[id] = caller
    return caller
  }

  #take(caller: Caller): void {
    this.inUse += caller.weight
    this.#discipline.take?.(caller)
  }

  #give(caller: Caller): void {
    this.inUse -= caller.weight
    this.#discipline.give?.(caller)
  }

  #next(): Caller | undefined {
    return this.#discipline.next(this.#line, this.limit)
  }

  #drop(id: number): void {
    this.#line = this.#line.filter((caller) => caller.id !== id)
  }

  #isTooHeavy(weight: number): boolean {
    return this.limit > 0 && weight > this.limit
  }

  #fits(weight: number): boolean {
    return this.limit - this.inUse >= Math.max(1, weight)
  }

  #settle(id: number, how: string): void {
    this.settled.push([id, how])
  }

  /** Goes in without waiting: past nobody, or behind those who have yet to run. */
  #enter(caller: Caller): void {
    if (this.telling) {
      this.#admit(caller)
      return
    }
    this.#take(caller)
    this.#settle(caller.id, 'permit')
  }

  #join(caller: Caller): void {
    const loser = this.#discipline.join(this.#line, caller, this.#room)
    if (loser !== undefined) this.#settle(loser.id, loser === caller ? 'full' : 'evicted')
    this.#serve()
  }

  #leave(id: number, why: string): void {
    const untold = this.#untold.find((caller) => caller.id === id)
    const inLine = this.#line.some((caller) => caller.id === id)
    // Of several that leave at once, the first may have made another the head, and that one too heavy.
    if (untold === undefined && !inLine) return
    if (untold !== undefined) this.#give(untold)
    this.#untold = this.#untold.filter((caller) => caller.id !== id)
    this.#drop(id)
    this.#settle(id, why)
    this.#serve()
  }

  #serve(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (this.#isTooHeavy(next.weight)) {
        this.#drop(next.id)
        this.#settle(next.id, 'evicted')
      } else if (this.#fits(next.weight)) {
        this.#drop(next.id)
        this.#discipline.serve?.(next, this.#line, this.limit)
        this.#admit(next)
      } else break
    }
    this.#noticeIdle()
  }

  #admit(caller: Caller): void {
    this.#take(caller)
    if (caller.signal !== undefined || this.#untold.length > 0) {
      this.#untold.push(caller)
      return
    }
    this.#settle(caller.id, 'permit')
    if (this.#line.length === 0) this.#woken = true
  }

  #noticeIdle(): void {
    if (this.inUse === 0 && this.#line.length === 0) this.drained.push(...this.#drains.splice(0))
  }
}

export interface Wants {
  priority?: number | undefined
  key?: string | undefined
}

export interface Caller {
  id: number
  weight: number
  signal: number | undefined
  timeout: number
  deadline: number
  priority: number
  key: string | undefined
  /** When. */
  came: number
}
