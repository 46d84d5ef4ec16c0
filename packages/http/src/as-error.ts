import { isPromise, type MaybePromise } from './maybe-promise.ts'

/**
 * What a function among the options throws or rejects with, for a framework's error handling: an error
 * as it is. Anything else is wrapped, since on `next(undefined)` or `next('route')` frameworks go on.
 */
export function throwingErrors<T>(call: () => MaybePromise<T>): MaybePromise<T> {
  try {
    const result = call()
    return isPromise(result) ? Promise.resolve(result).catch(rethrow) : result
  } catch (thrown) {
    return rethrow(thrown)
  }
}

function rethrow(thrown: unknown): never {
  throw thrown instanceof Error
    ? thrown
    : new Error(`a function among the options of limit() threw ${String(thrown)}`, { cause: thrown })
}
