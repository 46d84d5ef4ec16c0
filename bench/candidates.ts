import { getSemaphore } from '@henrygd/semaphore'
import { BoundedSemaphore, Semaphore } from '@lineclear/core'
import { Semaphore as AsyncMutexSemaphore } from 'async-mutex'
import { Sema } from 'async-sema'
import pLimit from 'p-limit'
import { BarePermit, bareList } from './bare-list.ts'
import { type Gate, gate } from './gate.ts'

/** Long enough never to come. */
const TIMEOUT = 60_000

/** A new one of each, with so many permits and at most so many who ask at once. */
export type Candidate = (permits: number, crowd: number) => Gate

export const candidates = {
  'bare list': (permits) => {
    const list = bareList(permits, () => true)
    return gate({
      acquire: () => list.acquire(),
      release: () => list.release(),
      tryAcquire: () => list.tryAcquire(),
    })
  },
  'bare list with permits': (permits) => {
    const list = bareList(permits, (release) => new BarePermit(release))
    return gate({
      acquire: () => list.acquire(),
      release: (permit) => permit.release(),
      tryAcquire: () => list.tryAcquire(),
    })
  },
  Semaphore: (permits) => {
    const semaphore = new Semaphore(permits)
    return gate({
      acquire: () => semaphore.acquire(),
      release: (permit) => permit.release(),
      tryAcquire: () => semaphore.tryAcquire(),
    })
  },
  BoundedSemaphore: (permits) => {
    const semaphore = new BoundedSemaphore(permits)
    return gate({
      acquire: () => semaphore.acquire(),
      release: (permit) => permit.release(),
      tryAcquire: () => semaphore.tryAcquire(),
    })
  },
  'Semaphore, a time-out each': (permits) => {
    const semaphore = new Semaphore(permits)
    return gate({
      acquire: () => semaphore.acquire({ timeout: TIMEOUT }),
      release: (permit) => permit.release(),
    })
  },
  'Semaphore, a signal each': (permits, crowd) => {
    const semaphore = new Semaphore(permits)
    const signals = Array.from({ length: crowd }, () => new AbortController().signal)
    return gate({
      acquire: () => semaphore.acquire({ signal: signals.pop() }),
      release: (permit) => permit.release(),
    })
  },
  'async-sema': (permits) => {
    const sema = new Sema(permits)
    return gate({
      acquire: () => sema.acquire(),
      release: () => sema.release(),
      tryAcquire: () => sema.tryAcquire(),
    })
  },
  '@henrygd/semaphore': (permits) => {
    const semaphore = getSemaphore(undefined, permits)
    return gate({ acquire: () => semaphore.acquire(), release: () => semaphore.release() })
  },
  'async-mutex': (permits) => {
    const semaphore = new AsyncMutexSemaphore(permits)
    return gate({ acquire: () => semaphore.acquire(), release: ([, release]) => release() })
  },
  'p-limit': (permits) => {
    const limit = pLimit(permits)
    const nothing = (): void => {}
    const microtask = async (): Promise<void> => await undefined
    return {
      async free(times) {
        for (let i = 0; i < times; i++) await limit(nothing)
      },
      crowd: (tasks) => Promise.all(Array.from({ length: tasks }, () => limit(microtask))),
      // The first to come never leaves.
      wait: () => limit(() => new Promise(() => {})),
    }
  },
} satisfies Record<string, Candidate>

export type CandidateName = keyof typeof candidates
