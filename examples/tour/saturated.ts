import { startExample } from './server.ts'

const CLIENTS = 40
const PATIENCE = 1000

/** Forty clients at once that leave after a second, to the same work without and with the limit. */
export async function compareSaturated(): Promise<void> {
  console.log(
    `${CLIENTS} clients at once, each leaves after ${PATIENCE} ms; a report costs 60 ms of processor.\n`,
  )
  console.log('          answered  refused  left  most reports at once')
  for (const path of ['without', 'with']) {
    // A server of its own: without the limit it goes on working for clients that left.
    const server = await startExample('saturated', '0', () => {})
    const outcomes = await Promise.all(Array.from({ length: CLIENTS }, () => visit(`${server.url}/${path}`)))
    const count = (outcome: string): number => outcomes.filter((each) => each === outcome).length
    const most = await (await fetch(`${server.url}/most-at-once`)).text()
    const row = [count('answered'), count('refused'), count('left'), most]
    const widths = [8, 9, 6, 22]
    console.log(path.padEnd(10) + row.map((cell, i) => String(cell).padStart(widths[i] ?? 0)).join(''))
    await server.stop()
  }
}

async function visit(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PATIENCE) })
    await response.text()
    return response.ok ? 'answered' : 'refused'
  } catch {
    return 'left'
  }
}
