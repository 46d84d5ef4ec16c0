import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { impossible } from './impossible.ts'
import type { Cell, Column } from './runner.ts'
import { chapters, nameOf } from './scenarios/index.ts'

const file = fileURLToPath(new URL('../../docs/conformance.md', import.meta.url))

/** The part of the page between `<!-- name -->` and `<!-- /name -->` becomes the given one. */
export function writePart(name: string, content: string): void {
  const page = readFileSync(file, 'utf8')
  const [before, after] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const start = page.indexOf(before) + before.length
  writeFileSync(file, `${page.slice(0, start)}\n\n${content.trim()}\n\n${page.slice(page.indexOf(after))}`)
}

/** How a cell looks in the table; what is impossible, by the letter of its reason. */
export function markOf(cell: Cell | undefined): string {
  if (cell === undefined || cell.result === 'not applicable') return ''
  if (cell.result === 'ok') return '✓'
  if (cell.result === 'failed') return '✗'
  return letterOf(cell.reason)
}

function letterOf(reason: string): string {
  return String.fromCharCode('a'.charCodeAt(0) + impossible.findIndex((cell) => cell.reason === reason))
}

/** A table for each runtime, or one for several that do not differ, and the reasons for the letters. */
export function tables(columns: Column[]): string {
  const byTable = new Map<string, string[]>()
  for (const runtime of new Set(columns.map(({ runtime }) => runtime))) {
    const table = tableOf(columns.filter((column) => column.runtime === runtime))
    byTable.set(table, [...(byTable.get(table) ?? []), runtime])
  }
  const sections = [...byTable].map(([table, runtimes]) => `## ${runtimes.join(', ')}\n\n${table}`)
  const reasons = impossible.map(
    ({ reason, see }) => `- **${letterOf(reason)}** ${reason}${see === undefined ? '' : ` See ${see}.`}`,
  )
  return [...sections, '## What is impossible', reasons.join('\n')].join('\n\n')
}

function tableOf(columns: Column[]): string {
  const lines = [row(['', ...columns.map(({ target }) => target)]), row(['---', ...columns.map(() => ':-:')])]
  for (const { title, scenarios } of chapters) {
    const rows = scenarios
      .map(({ name }) => [name, ...columns.map(({ cells }) => markOf(cells.get(nameOf(title, name))))])
      .filter(([, ...marks]) => marks.some((mark) => mark !== ''))
    if (rows.length > 0) lines.push(row([`**${title}**`, ...columns.map(() => '')]), ...rows.map(row))
  }
  return lines.join('\n')
}

function row(cells: string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** The marks that the page has for a column, by scenario; those that are not empty. */
export function committed(runtime: string, target: string): Record<string, string> {
  const sections = readFileSync(file, 'utf8').split(/^## /m)
  const section = sections.find((text) => (text.split('\n')[0] as string).split(', ').includes(runtime)) ?? ''
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.slice(2, -2).split(' | '))
  const index = (rows[0] ?? []).indexOf(target)
  const marks: Record<string, string> = {}
  let title = ''
  for (const cells of rows.slice(2)) {
    const [name, mark] = [(cells[0] as string).trim(), (cells[index] ?? '').trim()]
    if (name.startsWith('**')) title = name.slice(2, -2)
    else if (mark !== '') marks[nameOf(title, name)] = mark
  }
  return marks
}
