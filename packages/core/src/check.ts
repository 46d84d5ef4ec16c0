import type { AcquireRequest, Limiter } from './limiter.ts'

// Argument checks, shared by our packages. A failure names the option and the value received.

/** A whole number of at least `least`; `Infinity` only where `endless`. */
export function checkCount(name: string, value: unknown, least = 0, endless = false): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (endless && value === Infinity) return
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(`${name} must be a whole number of at least ${least}; received ${value}`)
  }
}

/** A number of ms, 0 or more; `Infinity` means for ever. */
export function checkDuration(name: string, value: unknown): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number of ms', value)
  if (!(value >= 0)) {
    throw new RangeError(`${name} must be 0 ms or more; received ${value}`)
  }
}

/** A number of at least `least` and at most `most`. */
export function checkNumber(name: string, value: unknown, least: number, most: number = Infinity): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!(value >= least && value <= most)) {
    const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`
    throw new RangeError(`${name} must be a number ${range}; received ${value}`)
  }
}

/** An object with no other properties than `known`. */
export function checkOptions(name: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null) throw wrongType(name, 'an object', options)
  for (const option of Object.keys(options)) {
    if (!known.includes(option)) {
      throw new TypeError(`${name} has no option "${option}"; it knows ${known.join(', ')}`)
    }
  }
}

/** Something with the two methods of a limiter. */
export function checkLimiter(name: string, limiter: Partial<Limiter> | null | undefined): void {
  if (typeof limiter?.acquire !== 'function' || typeof limiter.tryAcquire !== 'function') {
    throw wrongType(name, 'a limiter, with acquire and tryAcquire', limiter)
  }
}

const REQUEST_FIELDS = ['weight', 'timeout', 'signal', 'priority', 'key']

/** An acquire request, but for whether its weight fits the limiter. */
export function checkRequest(request: AcquireRequest): void {
  // A signal in place of `{ signal }` would be a request that asks for nothing, and never cancels.
  if (typeof request !== 'object' || request === null || Array.isArray(request) || 'aborted' in request) {
    throw wrongType('request', 'an object such as { signal }', request)
  }
  checkOptions('request', request, REQUEST_FIELDS)
  const { weight, timeout, signal, priority, key } = request
  if (weight !== undefined) checkCount('weight', weight)
  if (timeout !== undefined) checkDuration('timeout', timeout)
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw wrongType('signal', 'an AbortSignal', signal)
  }
  if (priority !== undefined && !(typeof priority === 'number' && !Number.isNaN(priority))) {
    throw wrongType('priority', 'a number', priority)
  }
  checkKey(key)
}

export function checkKey(key: unknown): void {
  if (key !== undefined && typeof key !== 'string') throw wrongType('key', 'a string', key)
}

/** The error for a value of the wrong type. */
export function wrongType(name: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${name} must be ${wanted}; received ${show(value)}`)
}

function nameOf(value: object): string {
  const name = value.constructor?.name
  return name === undefined || name === 'Object' ? 'object' : name
}

function article(noun: string): string {
  return /^[aeiou]/i.test(noun) ? `an ${noun}` : `a ${noun}`
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null)
    return article(Array.isArray(value) ? 'array' : nameOf(value))
  return String(value)
}
