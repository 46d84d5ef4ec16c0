/** What a BoundedSemaphore is to do, in arrays and plain loops. It knows callers by a number. */
export class Model {
  inUse = 0
  /** Who got a permit, in order; includes those that have yet to be told. */
  readonly entered: number[] = []
  /** Who was turned away and why, in order. */
  readonly refused: [caller: number, why: string][] = []
  readonly drained: number[] = []
  limit: number
  readonly #lifo: boolean
  readonly #room: number
  #line: Caller[] = []
  /** They hold their permits, but may still give up. */
  #untold: Caller[] = []
  #weights: number[] = []
  #drains: number[] = []
  #now = 0
  #closed = false

  constructor(limit: number, lifo: boolean, room: number) {
    this.limit = limit
    this.#lifo = lifo
    this.#room = room
  }

  get waiting(): number {
    return this.#line.length
  }

  get value(): number {
    return Math.max(0, this.limit - this.inUse)
  }

  get locked(): boolean {
    return this.value === 0 || this.#line.length > 0 || this.#untold.length > 0
  }

  acquire(id: number, weight: number, timeout: number, signal: number | undefined, aborted: boolean): void {
    this.#weights[id] = weight
    if (this.#isTooHeavy(weight)) this.#refuse(id, 'too heavy')
    else if (aborted) this.#refuse(id, 'aborted')
    else if (this.#closed) this.#refuse(id, 'closed')
    else if (this.#fits(weight) && this.#line.length === 0) this.#enter({ id, weight, signal, deadline: 0 })
    else if (timeout === 0) this.#refuse(id, 'timeout')
    else this.#join({ id, weight, signal, deadline: this.#now + timeout })
  }

  /** Whether it gives a permit; `too heavy` if it throws. */
  tryAcquire(id: number, weight: number, aborted: boolean): boolean | 'too heavy' {
    this.#weights[id] = weight
    if (this.#isTooHeavy(weight)) return 'too heavy'
    const nobodyAhead = this.#line.length === 0 && this.#untold.length === 0
    if (aborted || this.#closed || !nobodyAhead || !this.#fits(weight)) return false
    this.inUse += weight
    return true
  }

  release(id: number): void {
    this.inUse -= this.#weights[id] ?? 0
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
    for (const { id } of this.#line) this.#refuse(id, 'closed')
    this.#line = []
    this.#serve()
  }

  drain(id: number): void {
    this.#drains.push(id)
    this.#noticeIdle()
  }

  /** All microtasks run. */
  flush(): void {
    this.#untold = []
  }

  #isTooHeavy(weight: number): boolean {
    return this.limit > 0 && weight > this.limit
  }

  #fits(weight: number): boolean {
    return this.limit - this.inUse >= Math.max(1, weight)
  }

  #refuse(id: number, why: string): void {
    this.refused.push([id, why])
  }

  #enter(caller: Caller): void {
    this.inUse += caller.weight
    this.entered.push(caller.id)
    // Who comes when nobody is ahead is told at once.
    if (this.#untold.length > 0) this.#untold.push(caller)
  }

  #join(caller: Caller): void {
    if (this.#lifo) this.#line.unshift(caller)
    else this.#line.push(caller)
    const loser = this.#line.length > this.#room ? this.#line.pop() : undefined
    if (loser !== undefined) this.#refuse(loser.id, loser === caller ? 'full' : 'evicted')
    this.#serve()
  }

  #leave(id: number, why: string): void {
    const untold = this.#untold.find((caller) => caller.id === id)
    const inLine = this.#line.some((caller) => caller.id === id)
    // Of several that leave at once, the first may have made another the head, and that one too heavy.
    if (untold === undefined && !inLine) return
    if (untold !== undefined) {
      this.inUse -= untold.weight
      this.entered.splice(this.entered.indexOf(id), 1)
    }
    this.#untold = this.#untold.filter((caller) => caller.id !== id)
    this.#line = this.#line.filter((caller) => caller.id !== id)
    this.#refuse(id, why)
    this.#serve()
  }

  #serve(): void {
    for (let next = this.#line[0]; next !== undefined; next = this.#line[0]) {
      if (this.#isTooHeavy(next.weight)) {
        this.#line.shift()
        this.#refuse(next.id, 'evicted')
      } else if (this.#fits(next.weight)) {
        this.#line.shift()
        this.inUse += next.weight
        this.entered.push(next.id)
        // One that is told at once while others wait behind it leaves no trace.
        if (this.#mayGiveUp(next) || this.#line.length === 0) this.#untold.push(next)
      } else break
    }
    this.#noticeIdle()
  }

  /** Whether it is told later than at once: it has a signal, or comes behind one that has. */
  #mayGiveUp(caller: Caller): boolean {
    return caller.signal !== undefined || this.#untold.some((other) => other.signal !== undefined)
  }

  #noticeIdle(): void {
    if (this.inUse === 0 && this.#line.length === 0) this.drained.push(...this.#drains.splice(0))
  }
}

interface Caller {
  id: number
  weight: number
  signal: number | undefined
  deadline: number
}
