import type { WebTarget } from '../hosts/web.ts'
import { fetchApp } from './fetch.ts'

export default ((stage) => ({ fetch: fetchApp(stage) })) satisfies WebTarget
