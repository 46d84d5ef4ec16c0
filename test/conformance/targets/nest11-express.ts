import { nest11 } from '../../frameworks/nest11/index.ts'
import type { NodeTarget } from '../hosts/node.ts'
import { onExpress } from './nest.ts'

export default ((stage, make) => onExpress(nest11, stage, make)) satisfies NodeTarget
