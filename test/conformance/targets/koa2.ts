import Koa from 'koa2'
import type { NodeTarget } from '../hosts/node.ts'
import { koaApp } from './koa.ts'

export default ((stage, make) => make(koaApp(Koa, stage).callback())) satisfies NodeTarget
