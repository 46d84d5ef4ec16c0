import { checkCount, checkOptions, wrongType } from '../check.ts'
import { LinkedList } from '../linked-list.ts'
import type { Waiter } from '../waiter.ts'
import type { Queue } from './queue.ts'

export interface LineOptions {
  /** How many may wait; 0 for none. Default Infinity. */
  limit?: number | undefined
}

/** What fifo and lifo share: the front of the line goes next, and its end has to leave a full one. */
export abstract class Line implements Queue {
  protected readonly list: LinkedList<Waiter> = new LinkedList()
  protected readonly limit: number

  constructor(limit: number) {
    this.limit = limit
  }

  get size(): number {
    return this.list.size
  }

  abstract get full(): boolean

  abstract push(newcomer: Waiter): Waiter | undefined

  peek(): Waiter | undefined {
    return this.list.first
  }

  remove(waiter: Waiter): void {
    this.list.remove(waiter)
  }

  protected overflow(): Waiter | undefined {
    if (this.list.size <= this.limit) return undefined
    const last = this.list.last
    if (last !== undefined) this.list.remove(last)
    return last
  }
}

/** The limit that a bare number or options mean. */
export function limitOf(name: string, options: number | LineOptions): number {
  if (typeof options === 'number') return checkLimit(name, options)
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw wrongType(`${name} limit`, 'a number', options)
  }
  checkOptions(name, options, ['limit'])
  return checkLimit(name, options.limit ?? Infinity)
}

export function checkLimit(name: string, limit: number): number {
  checkCount(`${name} limit`, limit, 0, true)
  return limit
}
