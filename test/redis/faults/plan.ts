import type { RedisLimiterOptions } from '@lineclear/redis'

/** What a process of the crowd is to do. */
export interface Plan {
  /** The file for what happens. */
  readonly log: string
  /** A server's port, or where a cluster begins. */
  readonly redis: number | readonly { host: string; port: number }[]
  readonly client: 'ioredis' | 'node-redis'
  readonly limiter: RedisLimiterOptions
  /** How many want a permit, again and again. */
  readonly contenders: number
  /** In ms, for which each keeps its permit. */
  readonly hold: number
  /** Dealt to the contenders in turn, and so are the keys. */
  readonly weights: readonly number[]
  readonly keys: readonly string[]
  /** Whether they stop as soon as the permit's signal aborts. */
  readonly obeys: boolean
  /** Whether they begin only when told to. */
  readonly waits: boolean
}

/** What a process is told while it runs. After `leave`, it takes leave of Redis and ends. */
export type Order =
  | { readonly kind: 'begin' }
  | { readonly kind: 'resize'; readonly limit: number }
  | { readonly kind: 'leave' }
