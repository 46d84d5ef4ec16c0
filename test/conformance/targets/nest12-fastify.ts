import { nest12 } from '../../frameworks/nest12.ts'
import type { NodeTarget } from '../hosts/node.ts'
import { onFastify } from './nest.ts'

export default ((stage, make) => onFastify(nest12, stage, make)) satisfies NodeTarget
