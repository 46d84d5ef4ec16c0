import { choice, keys } from '../distribution.ts'
import { backoff, type Clients, type Retries, SCENARIO_FIELDS, type Scenario } from '../scenario.ts'
import { type NamedLimiter, readCandidate } from './candidates.ts'
import { Field } from './field.ts'
import { readArrivals, readDistribution, readServer } from './kinds.ts'

export interface ScenarioFile {
  readonly name: string | undefined
  readonly scenario: Scenario
  readonly candidates: readonly NamedLimiter[]
}

/**
 * Reads what a scenario file says; the package's README has its fields.
 *
 * @throws TypeError naming the field, and what it was, for anything that is wrong.
 */
export function readScenario(json: unknown): ScenarioFile {
  const file = new Field('', json).only('name', ...SCENARIO_FIELDS, 'candidates')
  const number = (name: string): number | undefined => file.get(name).maybe((field) => field.number())
  const scenario: Scenario = {
    seed: number('seed'),
    duration: file.get('duration').number(),
    warmUp: number('warmUp'),
    drain: number('drain'),
    bucket: number('bucket'),
    arrivals: readArrivals(file.get('arrivals')),
    service: file.get('service').maybe(readDistribution),
    server: file.get('server').maybe(readServer),
    clients: file.get('clients').maybe(readClients),
  }
  const candidates = file.get('candidates').list().map(readCandidate)
  if (candidates.length === 0) throw file.get('candidates').wrong('a list of at least one')
  return { name: file.get('name').maybe((field) => field.text()), scenario, candidates }
}

function readClients(field: Field): Clients {
  field.only('patience', 'whenLeft', 'outcomeWhenLeft', 'retries', 'keys', 'priorities', 'weights')
  return {
    patience: field.get('patience').maybe(readDistribution),
    whenLeft: field.get('whenLeft').maybe((f) => f.one('finish', 'release', 'cancel')),
    outcomeWhenLeft: field.get('outcomeWhenLeft').maybe((f) => f.one('success', 'dropped', 'ignored')),
    retries: field.get('retries').maybe(readRetries),
    key: field.get('keys').maybe((f) => {
      const skew = f.only('count', 'skew').get('skew')
      return f.make(() => keys(f.get('count').number(), skew.maybe((s) => s.number()) ?? 0))
    }),
    priority: field.get('priorities').maybe((f) => readShares(f, 'priority')),
    weight: field.get('weights').maybe((f) => readShares(f, 'weight')),
  }
}

function readShares(field: Field, name: string): NonNullable<Clients['priority']> {
  const shares = field
    .list()
    .map((each) => [each.only(name, 'share').get(name).number(), each.get('share').number()] as const)
  return field.make(() => choice(shares))
}

function readRetries(field: Field): Retries {
  field.only('tries', 'obey', 'backoff', 'afterLeaving', 'reasons')
  return {
    tries: field.get('tries').number(),
    obey: field.get('obey').maybe((f) => f.flag()),
    afterLeaving: field.get('afterLeaving').maybe((f) => f.flag()),
    reasons: field.get('reasons').maybe((f) => {
      return f.list().map((reason) => reason.one('full', 'evicted', 'timeout', 'shed', 'closed'))
    }),
    backoff: field.get('backoff').maybe((f) => {
      f.only('base', 'factor', 'most', 'jitter')
      const number = (name: string): number | undefined => f.get(name).maybe((each) => each.number())
      return backoff({
        base: number('base'),
        factor: number('factor'),
        most: number('most'),
        jitter: number('jitter'),
      })
    }),
  }
}
