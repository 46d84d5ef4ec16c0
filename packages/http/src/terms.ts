import { checkDuration, wrongType } from '@lineclear/core/check'
import { LONGEST_TIMER } from './longest-timer.ts'
import { isPromise } from './maybe-promise.ts'
import type { CommonOptions, Overdue } from './options.ts'
import type { HoldTerms } from './visit.ts'

/** What an adapter sees of a request: the response alone, or when its handler has settled too. */
export type Sees = 'response' | 'handler'

/**
 * How long the options let a permit be held; `undefined` if simply until the response is over.
 *
 * @throws TypeError or RangeError naming the option and the value received.
 */
export function holdTerms<Context extends unknown[]>(
  options: CommonOptions<Context>,
  sees: Sees,
): HoldTerms<Context> | undefined {
  const { releaseOn = 'close', maxHold = Infinity, onMaxHold = 'destroy' } = options
  if (!['close', 'settled', 'headers'].includes(releaseOn)) {
    throw wrongType('releaseOn', '"close", "settled" or "headers"', releaseOn)
  }
  if (releaseOn === 'settled' && sees === 'response') {
    throw new TypeError(
      'releaseOn "settled" needs to see the handler, which this framework does not show: use keepPermit() in the handler',
    )
  }
  checkDuration('maxHold', maxHold)
  if (maxHold === 0) throw new RangeError('maxHold must be more than 0 ms; received 0')
  if (typeof onMaxHold !== 'function' && !isOverdue(onMaxHold)) {
    throw wrongType('onMaxHold', '"destroy", "release" or a function', onMaxHold)
  }
  if (options.onMaxHold !== undefined && maxHold === Infinity) {
    throw new TypeError('onMaxHold has no effect without maxHold')
  }
  if (releaseOn === 'close' && maxHold === Infinity) return undefined
  return {
    releaseOn,
    maxHold: maxHold > LONGEST_TIMER ? Infinity : maxHold,
    overdue: (...context) => {
      if (typeof onMaxHold !== 'function') return onMaxHold
      try {
        return fateOf(onMaxHold(...context))
      } catch (error) {
        // Nobody called it: thrown on, it would end the process.
        console.error(error)
        return 'destroy'
      }
    },
  }
}

/** What a function's answer means; one that is no answer is complained of, and destroys. */
function fateOf(answer: unknown): Overdue {
  if (answer === undefined) return 'destroy'
  if (isOverdue(answer)) return answer
  // It may also reject.
  if (isPromise(answer)) answer.then(undefined, (error: unknown) => console.error(error))
  throw wrongType('what onMaxHold returns', '"destroy" or "release", and no promise', answer)
}

function isOverdue(value: unknown): value is Overdue {
  return value === 'destroy' || value === 'release'
}
