import { explore } from './explorer.ts'
import { scenes } from './scenes.ts'

/** All histories, in one module that can be made of changed sources. */
export const stage = { explore, scenes }
