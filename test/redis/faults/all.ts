import type { Fault } from './fault.ts'
import * as processes from './processes.ts'
import * as quiet from './quiet.ts'
import * as servers from './servers.ts'
import { storm, stormLocalFirst, stormPerKey } from './storm.ts'

export const faults: readonly Fault[] = [
  quiet.none,
  quiet.nodeRedis,
  quiet.weights,
  quiet.localFirst,
  quiet.fullQueue,
  quiet.resized,
  quiet.left,
  processes.killed,
  processes.holderKilled,
  processes.waitersKilled,
  processes.pausedShortly,
  processes.pausedObeys,
  processes.pausedDisobeys,
  processes.cutOffObeys,
  processes.cutOffDisobeys,
  servers.scriptsFlushed,
  servers.pushesKilled,
  servers.pushesKilledLocalFirst,
  servers.neverTold,
  servers.connectionsKilled,
  servers.allKilled,
  servers.hungClosed,
  servers.hungLocal,
  servers.hungForLong,
  servers.restartedWithData,
  servers.restartedEmpty,
  servers.flushed,
  servers.flushedForNewcomer,
  servers.promotedInStep,
  servers.promotedStale,
  servers.promotedForNewcomer,
  servers.clusterFailover,
  storm,
]

/** What a server that is not Redis could do otherwise. */
export const faultsOnValkey: readonly Fault[] = [
  processes.holderKilled,
  servers.pushesKilled,
  servers.restartedWithData,
  servers.promotedStale,
]

/** Too much for each test run. */
export const longFaults: readonly Fault[] = [stormLocalFirst, stormPerKey]
