import type { Spread } from './interleave.ts'

/** Prints rows under a title: the first column to the left, numbers to the right. */
export function table(title: string, head: string[], rows: string[][]): void {
  const lines = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  const show = (line: string[]): string =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(width(column)) : cell.padStart(width(column))))
      .join('  ')
  const width = (column: number): number => widths[column] ?? 0
  console.log(`\n${title}\n`)
  for (const line of lines) console.log(`  ${show(line).trimEnd()}`)
}

export function times({ median, low, high }: Spread): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`
}

export interface Aim {
  what: string
  measured: Spread
  atMost?: number
  atLeast?: number
}

/** Prints whether a ratio is where we want it; `in the noise` if only some of the rounds say so. */
export function aim({ what, measured, atMost = Infinity, atLeast = 0 }: Aim): void {
  const holds = measured.median <= atMost && measured.median >= atLeast
  const might = measured.low <= atMost && measured.high >= atLeast
  const verdict = holds ? 'holds' : might ? 'in the noise' : 'MISSED'
  console.log(`  aim: ${what}: ${times(measured)} ${verdict}`)
}
