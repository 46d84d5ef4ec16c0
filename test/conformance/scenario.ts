import type { Host } from './runtimes.ts'
import type { Session } from './session.ts'
import type { Setup } from './stage/stage.ts'
import type { Target } from './targets.ts'
import { protocolOf, type Transport } from './transport.ts'

/** One way in which a request may go. */
export interface Scenario {
  name: string
  setup?: Setup
  /** Where it makes sense; everywhere, if nothing is said. */
  protocol?: 'HTTP/1' | 'HTTP/2'
  host?: Host
  family?: string
  where?: (target: Target, host: Host) => boolean
  /** What may reach the process nevertheless. */
  noise?: RegExp
  /** Goes through it, and resolves with the handlers that must have been entered, if that is certain. */
  play(session: Session): Promise<string[] | undefined>
}

export interface Chapter {
  title: string
  scenarios: Scenario[]
}

export function applies(
  { protocol, host, family, where }: Scenario,
  target: Target,
  on: Host,
  transport: Transport,
): boolean {
  return (
    (protocol === undefined || protocol === protocolOf(transport)) &&
    (host === undefined || host === on) &&
    (family === undefined || family === target.family) &&
    (where === undefined || where(target, on))
  )
}
