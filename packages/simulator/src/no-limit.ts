import type { Limiter, Permit } from '@lineclear/core'

/** Lets everybody in: what a server without a limiter does. */
export function noLimit(): Limiter {
  return unlimited
}

const permit: Permit = {
  release() {},
  [Symbol.dispose]() {},
}

const unlimited: Limiter = {
  tryAcquire: ({ signal } = {}) => (signal?.aborted ? undefined : permit),
  acquire: ({ signal } = {}) => (signal?.aborted ? Promise.reject(signal.reason) : Promise.resolve(permit)),
}
