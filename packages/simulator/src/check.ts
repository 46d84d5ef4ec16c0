import { wrongType } from '@lineclear/core/check'

/** A number above 0, not Infinity. */
export function checkPositive(name: string, value: unknown): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!(value > 0 && value < Infinity)) throw new RangeError(`${name} must be more than 0; received ${value}`)
}

/** A number of 0 or more, not Infinity. */
export function checkAmount(name: string, value: unknown): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!(value >= 0 && value < Infinity)) throw new RangeError(`${name} must be 0 or more; received ${value}`)
}

/** A number from 0 to 1. */
export function checkShare(name: string, value: unknown): void {
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} must be from 0 to 1; received ${value}`)
}
