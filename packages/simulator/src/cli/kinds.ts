import { type Arrivals, bursts, diurnal, pages, poisson, ramp, steps, trace } from '../arrivals.ts'
import { bimodal, constant, type Distribution, exponential, logNormal, uniform } from '../distribution.ts'
import { type Change, pool, processorSharing, type Server, unlimited, usl } from '../server.ts'
import type { Field } from './field.ts'

// What a scenario file calls things: a line for each kind.

type Readers<T> = Readonly<Record<string, (field: Field) => T>>

const ARRIVALS: Readers<Arrivals> = {
  poisson: (f) => poisson(f.only('kind', 'pageSize', 'rate').get('rate').number()),
  bursts: (f) => {
    f.only('kind', 'pageSize', 'rate', 'peak', 'every', 'length')
    const [rate, peak, every, length] = numbers(f, 'rate', 'peak', 'every', 'length')
    return bursts({ rate, peak, every, length })
  },
  ramp: (f) => ramp(...numbers(f.only('kind', 'pageSize', 'from', 'to', 'length'), 'from', 'to', 'length')),
  diurnal: (f) => {
    return diurnal(...numbers(f.only('kind', 'pageSize', 'low', 'high', 'period'), 'low', 'high', 'period'))
  },
  steps: (f) => {
    const each = f.only('kind', 'pageSize', 'steps').get('steps').list()
    return steps(each.map((step) => numbers(step.only('at', 'rate'), 'at', 'rate')))
  },
  trace: (f) => {
    const each = f.only('kind', 'pageSize', 'requests').get('requests').list()
    return trace(
      each.map((request) => {
        request.only('at', 'service', 'patience', 'key', 'priority', 'weight')
        const number = (name: string): number | undefined =>
          request.get(name).maybe((field) => field.number())
        return {
          at: request.get('at').number(),
          service: number('service'),
          patience: number('patience'),
          key: request.get('key').maybe((field) => field.text()),
          priority: number('priority'),
          weight: number('weight'),
        }
      }),
    )
  },
}

const DISTRIBUTIONS: Readers<Distribution> = {
  constant: (f) => constant(...numbers(f.only('kind', 'value'), 'value')),
  exponential: (f) => exponential(...numbers(f.only('kind', 'mean'), 'mean')),
  logNormal: (f) => logNormal(...numbers(f.only('kind', 'mean', 'sigma'), 'mean', 'sigma')),
  bimodal: (f) => {
    return bimodal(...numbers(f.only('kind', 'short', 'long', 'shareOfLong'), 'short', 'long', 'shareOfLong'))
  },
  uniform: (f) => uniform(...numbers(f.only('kind', 'low', 'high'), 'low', 'high')),
}

const SERVERS: Readers<Server> = {
  unlimited: (f) => unlimited(changesOf(f.only('kind', 'changes'))),
  pool: (f) => pool(...numbers(f.only('kind', 'servers', 'changes'), 'servers'), changesOf(f)),
  processorSharing: (f) => {
    return processorSharing(...numbers(f.only('kind', 'cores', 'changes'), 'cores'), changesOf(f))
  },
  usl: (f) => usl(...numbers(f.only('kind', 'sigma', 'kappa', 'changes'), 'sigma', 'kappa'), changesOf(f)),
}

export function readArrivals(field: Field): Arrivals {
  const arrivals = ofKind(ARRIVALS, field)
  const size = field.get('pageSize').maybe((f) => f.number())
  return size === undefined ? arrivals : field.make(() => pages(arrivals, size))
}

/** A number of ms, or how to draw one. */
export function readDistribution(field: Field): number | Distribution {
  return typeof field.value === 'number' ? field.value : ofKind(DISTRIBUTIONS, field)
}

export function readServer(field: Field): Server {
  return ofKind(SERVERS, field)
}

/** What the reader of its kind makes of an object. */
function ofKind<T>(readers: Readers<T>, field: Field): T {
  const kind = field.get('kind').one(...Object.keys(readers))
  return field.make(readers[kind] as (field: Field) => T)
}

function changesOf(field: Field): Change[] {
  const each = field.get('changes').maybe((changes) => changes.list()) ?? []
  return each.map((change) => {
    change.only('at', 'servers', 'speed')
    const [servers, speed] = ['servers', 'speed'].map((name) => change.get(name).maybe((f) => f.number()))
    return { at: change.get('at').number(), servers, speed }
  })
}

function numbers<N extends string[]>(field: Field, ...names: N): { [I in keyof N]: number } {
  return names.map((name) => field.get(name).number()) as { [I in keyof N]: number }
}
