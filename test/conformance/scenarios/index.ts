import type { Chapter, Scenario } from '../scenario.ts'
import { answers } from './answers.ts'
import { crowd } from './crowd.ts'
import { express } from './express.ts'
import { failing } from './failing.ts'
import { fastify } from './fastify.ts'
import { fetching } from './fetch.ts'
import { holding } from './holding.ts'
import { hono } from './hono.ts'
import { koa } from './koa.ts'
import { leaving } from './leaving.ts'
import { nest } from './nest.ts'
import { node } from './node.ts'
import { pipelining } from './pipelining.ts'
import { queued } from './queued.ts'
import { shutdown } from './shutdown.ts'
import { upgrades } from './upgrades.ts'
import { uploads } from './uploads.ts'

export const chapters: Chapter[] = [
  answers,
  failing,
  leaving,
  holding,
  queued,
  uploads,
  pipelining,
  upgrades,
  shutdown,
  crowd,
  express,
  koa,
  hono,
  fetching,
  node,
  fastify,
  nest,
]

/** All of them, each under the name that its chapter begins. */
export const scenarios: Scenario[] = chapters.flatMap(({ title, scenarios }) =>
  scenarios.map((scenario) => ({ ...scenario, name: nameOf(title, scenario.name) })),
)

export function nameOf(title: string, name: string): string {
  return `${title}: ${name}`
}
