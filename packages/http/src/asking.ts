import type { AcquireRequest } from '@lineclear/core'
import { throwingErrors } from './as-error.ts'
import { isPromise, type MaybePromise } from './maybe-promise.ts'
import type { CommonOptions } from './options.ts'

/** What the options say of one request. */
export interface Asking extends Pick<AcquireRequest, 'key' | 'weight' | 'priority'> {
  deadline?: number | undefined
}

const NAMES = ['key', 'weight', 'priority', 'deadline'] as const

/** Whether any option has to be asked at each request. */
export function asksAnything<Context extends unknown[]>(options: CommonOptions<Context>): boolean {
  return NAMES.some((name) => options[name] !== undefined)
}

/** Asks the options in turn; what one throws, or rejects with, is an error. */
export function askOptions<Context extends unknown[]>(
  options: CommonOptions<Context>,
  context: Context,
  asking: Asking = {},
  from = 0,
): MaybePromise<Asking> {
  let asked = asking
  for (const [i, name] of NAMES.entries()) {
    const option = options[name]
    if (i < from || option === undefined) continue
    const value = throwingErrors<string | number | undefined>(() => option(...context))
    if (isPromise(value)) {
      return value.then((value) => askOptions(options, context, { ...asked, [name]: value }, i + 1))
    }
    asked = { ...asked, [name]: value }
  }
  return asked
}
