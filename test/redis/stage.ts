export { explore } from './explorer.ts'
export { scenes } from './scenes.ts'
