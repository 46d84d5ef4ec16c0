/** Lines of a table: the first column to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
      .join('  ')
      .trimEnd()
  return [line(head), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n')
}

/** Three digits, or whole: 0.312, 15.2, 1002. A dash for what there is none of. */
export function figure(value: number): string {
  if (Number.isNaN(value)) return '-'
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return value.toFixed(0)
  return Number(value.toPrecision(3)).toString()
}

/** A share in percent: 0 %, 0.03 %, 12.5 %, 100 %. Never 0 % or 100 % for what is not quite so. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '-'
  const share = (100 * part) / whole
  if (share > 0 && share < 0.01) return '< 0.01 %'
  if (share < 100 && share > 99.99) return '> 99.99 %'
  const digits = share < 1 || share > 99 ? 2 : 1
  return `${Number(share.toFixed(digits))} %`
}
