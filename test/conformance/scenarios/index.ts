import type { Chapter } from '../scenario.ts'
import { answers } from './answers.ts'

export const chapters: Chapter[] = [answers]
