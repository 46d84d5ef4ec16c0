/** What is measured of each candidate. */
export interface Gate {
  /** In and out, one after the other. */
  free(times: number): Promise<void>
  /** All at once; each stays inside for a microtask. */
  crowd(tasks: number): Promise<unknown>
  /** One that is there to wait. */
  wait(): Promise<unknown>
  /** In and out without waiting, where there is such a thing. */
  tries?: ((times: number) => void) | undefined
}

export interface Parts<Permit> {
  acquire: () => Promise<Permit>
  release: (permit: Permit) => void
  tryAcquire?: () => Permit | undefined
}

/** The loops around a semaphore of the usual shape. */
export function gate<Permit>({ acquire, release, tryAcquire }: Parts<Permit>): Gate {
  async function task(): Promise<void> {
    const permit = await acquire()
    await undefined
    release(permit)
  }

  function tries(times: number): void {
    for (let i = 0; i < times; i++) {
      const permit = tryAcquire?.()
      if (permit === undefined) throw new Error('there was no permit')
      release(permit)
    }
  }

  return {
    async free(times) {
      for (let i = 0; i < times; i++) release(await acquire())
    },
    crowd: (tasks) => Promise.all(Array.from({ length: tasks }, task)),
    wait: acquire,
    tries: tryAcquire && tries,
  }
}
