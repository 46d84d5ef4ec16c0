import type { Plugin } from 'esbuild'
import { bundle } from './bundle.ts'
import { impossibility } from './impossible.ts'
import type { Runtime } from './runtimes.ts'
import { applies, type Scenario } from './scenario.ts'
import { Session } from './session.ts'
import { Site } from './site.ts'
import type { State } from './stage/stage.ts'
import { type Target, transportsOf } from './targets.ts'
import type { Transport } from './transport.ts'

export type Cell =
  | { result: 'ok' }
  | { result: 'not applicable' }
  | { result: 'impossible'; reason: string }
  | { result: 'failed'; error: string }

/** The cells of one target over one transport on one runtime, by scenario. */
export interface Column {
  runtime: string
  target: string
  cells: Map<string, Cell>
}

interface Options {
  /** Told of each column as it is done. */
  told?: (column: Column) => void
  /** For the bundle. */
  plugins?: Plugin[]
  patience?: number
  /** One column instead of all. */
  only?: string
}

/** How long a cell waits for what must happen; passes never take it, only failures do. */
const PATIENCE = Number(process.env.CONFORMANCE_PATIENCE ?? 10_000)
/** The same where it cannot happen. */
const BRIEF = 250

/** Runs all of a target's cells on one runtime, in one process, and tells each column as it is done. */
export async function runTarget(
  runtime: Runtime,
  target: Target,
  scenarios: Scenario[],
  options: Options = {},
): Promise<Column[]> {
  const { told, plugins, patience = PATIENCE, only } = options
  const program = await bundle(target.programs[runtime.host] as string, runtime.host, plugins)
  let site = await Site.start(runtime, program)
  const columns: Column[] = []
  try {
    for (const transport of transportsOf(target, runtime.host)) {
      if (only !== undefined && only !== columnName(target, transport)) continue
      const column = { runtime: runtime.name, target: columnName(target, transport), cells: new Map() }
      for (const scenario of scenarios) {
        if (!site.running) site = await Site.start(runtime, program)
        column.cells.set(scenario.name, await runCell(site, runtime, target, transport, scenario, patience))
      }
      columns.push(column)
      told?.(column)
    }
  } finally {
    site.stop()
  }
  return columns
}

export function columnName(target: Target, transport: Transport): string {
  return transport === 'h1' ? target.name : `${target.name} ${transport}`
}

async function runCell(
  site: Site,
  runtime: Runtime,
  target: Target,
  transport: Transport,
  scenario: Scenario,
  patience: number,
): Promise<Cell> {
  if (!applies(scenario, target, runtime.host, transport)) return { result: 'not applicable' }
  const cannot = impossibility(scenario, runtime.name, columnName(target, transport))
  if (cannot?.dangerous) return { result: 'impossible', reason: cannot.reason }
  try {
    await play(site, target, transport, scenario, cannot === undefined ? patience : BRIEF)
  } catch (error) {
    if (cannot !== undefined) return { result: 'impossible', reason: cannot.reason }
    return { result: 'failed', error: (error as Error).message }
  }
  if (cannot === undefined) return { result: 'ok' }
  return { result: 'failed', error: `declared impossible, and passes: ${cannot.reason}` }
}

async function play(
  site: Site,
  target: Target,
  transport: Transport,
  scenario: Scenario,
  patience: number,
): Promise<void> {
  const { port } = await site.ask('reset', JSON.stringify({ ...scenario.setup, transport }))
  const session = new Session(site, site.port ?? port, target, transport, patience)
  try {
    const entered = await scenario.play(session)
    judge(await session.settles(), scenario, entered)
  } finally {
    session.end()
  }
}

/** What holds for every cell, however it went. */
function judge(state: State, { setup, noise }: Scenario, entered: string[] | undefined): void {
  const limit = setup?.permits ?? 1
  if (state.most > limit) throw new Error(`${state.most} were inside, of ${limit}`)
  if (entered !== undefined && String(state.entered) !== String(entered)) {
    throw new Error(`entered were [${state.entered}] instead of [${entered}]`)
  }
  const loud = state.noise.filter((line) => !noise?.test(line))
  if (loud.length > 0) throw new Error(`reached the process: ${loud.join('; ')}`)
}
