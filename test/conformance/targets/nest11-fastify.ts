import { nest11 } from '../../frameworks/nest11/index.ts'
import type { NodeTarget } from '../hosts/node.ts'
import { onFastify } from './nest.ts'

export default ((stage, make) => onFastify(nest11, stage, make)) satisfies NodeTarget
