import { fifo, lifo, type Queue } from '@lineclear/core'
import type { Adapter } from '../http/adapters/adapter.ts'

/** The limits of one server. */
export interface Regime {
  name: string
  permits: number
  queue: () => Queue
  /** `twice`: the same limiter two times. `row`: a limit, and one of twice as many permits before it. */
  shape: 'one' | 'twice' | 'row'
  options: Options
  /** Whether requests weigh what they say; otherwise 1. */
  weighs?: true
  /** Whether the limiter is resized, paused, closed and replaced while it is used. */
  meddled?: true
  /** Whether a permit takes some time from its grant to who waits for it. */
  dawdles?: true
  /** Whether all connections are closed now and then. */
  cutOff?: true
}

interface Options {
  queueTimeout?: number
  releaseOn?: 'headers' | 'settled'
  maxHold?: number
  onMaxHold?: 'release'
}

/** Whether a framework can have such limits; not all show when a handler has settled. */
export function suits({ options }: Regime, { seesHandlers }: Adapter): boolean {
  return options.releaseOn !== 'settled' || seesHandlers
}

const roomy = (): Queue => fifo(200)

export const regimes: readonly Regime[] = [
  { name: 'a limit', permits: 12, queue: roomy, shape: 'one', options: {} },
  { name: 'a small queue', permits: 6, queue: () => fifo(5), shape: 'one', options: { queueTimeout: 100 } },
  {
    name: 'a small queue, last come first',
    permits: 6,
    queue: () => lifo(8),
    shape: 'one',
    options: { queueTimeout: Infinity },
  },
  { name: 'time-outs', permits: 4, queue: roomy, shape: 'one', options: { queueTimeout: 4 } },
  { name: 'the same limiter twice', permits: 10, queue: roomy, shape: 'twice', options: {}, meddled: true },
  { name: 'two limits in a row', permits: 8, queue: roomy, shape: 'row', options: {}, meddled: true },
  { name: 'weights', permits: 12, queue: roomy, shape: 'one', options: {}, weighs: true, meddled: true },
  { name: 'meddling', permits: 10, queue: roomy, shape: 'one', options: {}, meddled: true },
  { name: 'a limiter far away', permits: 4, queue: roomy, shape: 'one', options: {}, dawdles: true },
  {
    name: 'closed connections',
    permits: 40,
    queue: roomy,
    shape: 'one',
    options: {},
    meddled: true,
    cutOff: true,
  },
  {
    name: 'permits back with the headers',
    permits: 6,
    queue: roomy,
    shape: 'one',
    options: { releaseOn: 'headers' },
    meddled: true,
  },
  {
    name: 'permits back when the handler has settled',
    permits: 10,
    queue: roomy,
    shape: 'one',
    options: { releaseOn: 'settled' },
    meddled: true,
  },
  {
    name: 'a hold that is ended',
    permits: 8,
    queue: roomy,
    shape: 'row',
    options: { maxHold: 8 },
    meddled: true,
  },
  {
    name: 'a hold that is let go',
    permits: 8,
    queue: roomy,
    shape: 'one',
    options: { maxHold: 5, onMaxHold: 'release' },
  },
  {
    name: 'a hold that is never too long',
    permits: 10,
    queue: roomy,
    shape: 'twice',
    options: { maxHold: 600_000 },
    meddled: true,
  },
]
