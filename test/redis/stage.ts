import { scenes as written } from './scenes.ts'

export { explore } from './explorer.ts'

/** Histories written by hand, by name; each throws if a promise is broken. */
export const scenes: typeof written = written
