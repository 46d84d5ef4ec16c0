import type { Chapter } from '../scenario.ts'
import { answers } from './answers.ts'
import { crowd } from './crowd.ts'
import { failing } from './failing.ts'
import { leaving } from './leaving.ts'
import { pipelining } from './pipelining.ts'
import { queued } from './queued.ts'
import { shutdown } from './shutdown.ts'
import { upgrades } from './upgrades.ts'
import { uploads } from './uploads.ts'

export const chapters: Chapter[] = [
  answers,
  failing,
  leaving,
  queued,
  uploads,
  pipelining,
  upgrades,
  shutdown,
  crowd,
]
