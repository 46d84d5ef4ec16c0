import { setImmediate as turn } from 'node:timers/promises'
import type { Adapter } from '../http/adapters/adapter.ts'
import { until } from '../http/helpers.ts'
import type { CrowdPlan, CrowdReport } from './crowd.ts'
import { Findings } from './findings.ts'
import type { Stage } from './ledger.ts'
import { census, leftBehind } from './left-behind.ts'
import { ProcessWatch } from './process-watch.ts'
import { regimes, suits } from './regimes.ts'
import { Site } from './site.ts'

export interface Run {
  seed: number
  adapter: Adapter
  /** About how many requests, in all rounds together. */
  requests: number
  /** How many times each regime has its turn. */
  rounds: number
  send: (plan: CrowdPlan) => Promise<CrowdReport>
  /** Called when each regime has had its turn, with the requests so far. */
  onRound?: (requests: number) => void
}

/** What a run has been through. */
export interface Account {
  requests: number
  clients: number
  /** How many handlers ran. */
  handled: number
  answers: Record<number, number>
  leavers: Record<Stage, number>
}

/** How many objects of a kind each of our connections may keep. */
const KEPT = 8

/**
 * Runs all regimes in turn against one adapter.
 *
 * @throws Error with the seed and what was found, if anything was.
 */
export async function chaos(run: Run): Promise<Account> {
  const { seed, adapter, requests, rounds, send } = run
  const findings = new Findings()
  const before = census()
  const watch = new ProcessWatch(findings)
  const resources = countResources()
  const account: Account = {
    requests: 0,
    clients: 0,
    handled: 0,
    answers: {},
    leavers: { before: 0, limit: 0, handler: 0, sending: 0 },
  }
  const suitable = regimes.filter((regime) => suits(regime, adapter))
  const sites = suitable.map((regime) => new Site(adapter, regime, findings))
  const share = requests / (rounds * sites.length)
  let where = ''
  try {
    for (const site of sites) await site.open()
    for (let round = 0; round < rounds; round++) {
      for (const site of sites) {
        where = `round ${round}, ${site.regime.name}`
        add(account, await site.round(`${seed}/${adapter.name}/${round}/${site.regime.name}`, share, send))
        if (findings.any) throw new Error(`${findings}`)
      }
      where = `after round ${round}`
      for (const kind of await leftBehind(before, sites.length * KEPT)) findings.add(kind)
      if (findings.any) throw new Error(`${findings}`)
      run.onRound?.(account.requests)
    }
    where = 'at the end'
    for (const site of sites) await site.close()
    await until(() => countResources() <= resources)
    await turn()
    if (findings.any) throw new Error(`${findings}`)
  } catch (error) {
    const text = `${adapter.name}, ${where}, seed ${seed}, after ${account.requests} requests:`
    throw new Error([text, ...new Set([(error as Error).message, `${findings}`])].join('\n'), {
      cause: error,
    })
  } finally {
    for (const site of sites) site.abandon()
    watch.stop()
  }
  for (const { ledger } of sites) {
    account.handled += ledger.handled
    for (const stage of Object.keys(ledger.leavers) as Stage[])
      account.leavers[stage] += ledger.leavers[stage]
  }
  return account
}

function add(account: Account, { requests, clients, answers }: CrowdReport): void {
  account.requests += requests
  account.clients += clients
  for (const status in answers)
    account.answers[status] = (account.answers[status] ?? 0) + (answers[status] ?? 0)
}

/** Sockets, servers and timers that keep the process alive. */
function countResources(): number {
  return process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|Immediate/.test(name)).length
}
