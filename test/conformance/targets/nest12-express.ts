import { nest12 } from '../../frameworks/nest12.ts'
import type { NodeTarget } from '../hosts/node.ts'
import { onExpress } from './nest.ts'

export default ((stage, make) => onExpress(nest12, stage, make)) satisfies NodeTarget
