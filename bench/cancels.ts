import { BoundedSemaphore, Semaphore } from '@lineclear/core'
import { Semaphore as AsyncMutexSemaphore } from 'async-mutex'
import pLimit from 'p-limit'

/** A queue of waiters, and what makes them all leave. */
export interface Cancel {
  waiters: Promise<unknown>[]
  leave: () => void
}

const REASON = new Error('left')

/** Those that can, the first as the reference: a promise and a listener a signal, and no queue. */
export const cancels = {
  'signals alone': (count) => {
    const reject = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
    return abortEach(count, reject)
  },
  'Semaphore, a signal each': (count) => {
    const semaphore = new Semaphore(0)
    return abortEach(count, (signal) => semaphore.acquire({ signal }))
  },
  'BoundedSemaphore, a signal each': (count) => {
    const semaphore = new BoundedSemaphore(0)
    return abortEach(count, (signal) => semaphore.acquire({ signal }))
  },
  'Semaphore, one signal for all': (count) => {
    const semaphore = new Semaphore(0)
    const controller = new AbortController()
    const { signal } = controller
    const waiters = Array.from({ length: count }, () => semaphore.acquire({ signal }))
    return { waiters, leave: () => controller.abort(REASON) }
  },
  'Semaphore, close()': (count) => {
    const semaphore = new Semaphore(0)
    const waiters = Array.from({ length: count }, () => semaphore.acquire())
    return { waiters, leave: () => semaphore.close() }
  },
  'async-mutex, cancel()': (count) => {
    const semaphore = new AsyncMutexSemaphore(0)
    const waiters = Array.from({ length: count }, () => semaphore.acquire())
    return { waiters, leave: () => semaphore.cancel() }
  },
  'p-limit, clearQueue()': (count) => {
    const limit = pLimit({ concurrency: 1, rejectOnClear: true })
    const forever = (): Promise<void> => new Promise(() => {})
    limit(forever)
    const waiters = Array.from({ length: count }, () => limit(forever))
    return { waiters, leave: () => limit.clearQueue() }
  },
} satisfies Record<string, (count: number) => Cancel>

export type CancelName = keyof typeof cancels

function abortEach(count: number, wait: (signal: AbortSignal) => Promise<unknown>): Cancel {
  const controllers = Array.from({ length: count }, () => new AbortController())
  return {
    waiters: controllers.map(({ signal }) => wait(signal)),
    leave: () => {
      for (const controller of controllers) controller.abort(REASON)
    },
  }
}
