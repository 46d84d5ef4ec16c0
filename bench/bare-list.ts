interface Waiting<Pass> {
  resolve: (pass: Pass) => void
  next: Waiting<Pass> | undefined
}

export interface BareList<Pass> {
  acquire(): Promise<Pass>
  tryAcquire(): Pass | undefined
  release(): void
}

/**
 * The reference: a counter and a linked list of promises, the least that makes a first-come-first-served
 * semaphore. Nobody can leave its queue. `admit` makes what each caller gets.
 */
export function bareList<Pass>(permits: number, admit: (release: () => void) => Pass): BareList<Pass> {
  let free = permits
  let first: Waiting<Pass> | undefined
  let last: Waiting<Pass> | undefined

  function join(resolve: (pass: Pass) => void): void {
    const waiting: Waiting<Pass> = { resolve, next: undefined }
    if (last === undefined) first = waiting
    else last.next = waiting
    last = waiting
  }

  function release(): void {
    if (first === undefined) {
      free++
      return
    }
    first.resolve(admit(release))
    first = first.next
    if (first === undefined) last = undefined
  }

  return {
    acquire() {
      if (free === 0) return new Promise(join)
      free--
      return Promise.resolve(admit(release))
    },
    tryAcquire() {
      if (free === 0) return undefined
      free--
      return admit(release)
    },
    release,
  }
}

/** What a caller gets where a second release does nothing; a new one each time, as it cannot be shared. */
export class BarePermit {
  #release: (() => void) | undefined

  constructor(release: () => void) {
    this.#release = release
  }

  release(): void {
    const release = this.#release
    this.#release = undefined
    release?.()
  }
}
