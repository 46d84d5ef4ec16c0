interface BadRequest {
  field: string
  value: unknown
  error: typeof TypeError | typeof RangeError
  /** How the message shows the value. */
  shown: string
}

/** Requests that no limiter takes. */
export const badRequests: BadRequest[] = [
  { field: 'weight', value: -1, error: RangeError, shown: '-1' },
  { field: 'weight', value: 1.5, error: RangeError, shown: '1.5' },
  { field: 'weight', value: Number.NaN, error: RangeError, shown: 'NaN' },
  { field: 'weight', value: Infinity, error: RangeError, shown: 'Infinity' },
  { field: 'weight', value: 2 ** 53, error: RangeError, shown: '9007199254740992' },
  { field: 'weight', value: '2', error: TypeError, shown: '"2"' },
  { field: 'weight', value: null, error: TypeError, shown: 'null' },
  { field: 'weight', value: 1n, error: TypeError, shown: '1' },
  { field: 'timeout', value: -1, error: RangeError, shown: '-1' },
  { field: 'timeout', value: -Infinity, error: RangeError, shown: '-Infinity' },
  { field: 'timeout', value: Number.NaN, error: RangeError, shown: 'NaN' },
  { field: 'timeout', value: '100', error: TypeError, shown: '"100"' },
  { field: 'timeout', value: null, error: TypeError, shown: 'null' },
  { field: 'signal', value: {}, error: TypeError, shown: 'an object' },
  { field: 'signal', value: new AbortController(), error: TypeError, shown: 'an AbortController' },
  { field: 'signal', value: 'abort', error: TypeError, shown: '"abort"' },
  { field: 'signal', value: null, error: TypeError, shown: 'null' },
  { field: 'priority', value: 'high', error: TypeError, shown: '"high"' },
  { field: 'priority', value: Number.NaN, error: TypeError, shown: 'NaN' },
  { field: 'priority', value: null, error: TypeError, shown: 'null' },
  { field: 'key', value: 7, error: TypeError, shown: '7' },
  { field: 'key', value: ['a'], error: TypeError, shown: 'an array' },
  { field: 'key', value: () => 'a', error: TypeError, shown: 'a function' },
  { field: 'key', value: null, error: TypeError, shown: 'null' },
]

/** What somebody may pass in place of a request. */
export const noRequests: [value: unknown, shown: string][] = [
  [new AbortController().signal, 'an AbortSignal'],
  [null, 'null'],
  [[], 'an array'],
  [5, '5'],
  ['key', '"key"'],
]
