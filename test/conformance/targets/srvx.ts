import { toNodeHandler } from 'srvx/node'
import type { NodeTarget } from '../hosts/node.ts'
import { fetchApp } from './fetch.ts'

export default ((stage, make) => make(toNodeHandler(fetchApp(stage) as never))) satisfies NodeTarget
