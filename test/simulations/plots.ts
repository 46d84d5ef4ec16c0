import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '../..')
const folder = join(root, 'docs/plots')

/** Which of the simulator's plots, and as what. */
const PLOTS: Record<string, string> = {
  Offered: 'offered',
  Goodput: 'goodput',
  Waiting: 'waiting',
  'Latency, p50': 'latency',
}
// The colours of the simulator's pages, which style its plots.
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00']

/** Writes plots of a scenario file as pictures of their own, for a Markdown page. */
export function writePlots(scenario: string): void {
  mkdirSync(folder, { recursive: true })
  const page = join(folder, 'page.html.tmp')
  const simulator = join(root, 'packages/simulator')
  const args = [join(simulator, 'src/cli/bin.ts'), join(simulator, 'scenarios', scenario), '--html', page]
  execFileSync('tsx', args, { stdio: 'ignore' })
  const html = readFileSync(page, 'utf8')
  execFileSync('rm', [page])
  const names = [...html.matchAll(/<button class="c\d"[^>]*>([^<]*)</g)].map(([, name]) => name as string)
  for (const [, title = '', unit = '', svg = ''] of html.matchAll(
    /<figcaption>(.*?) <small>(.*?)<\/small><\/figcaption>\s*(<svg.*?<\/svg>)/gs,
  )) {
    const file = PLOTS[title.replaceAll('&#44;', ',')]
    if (file !== undefined)
      writeFileSync(join(folder, `${file}.svg`), picture(svg, `${title}, ${unit}`, names))
  }
}

function picture(svg: string, title: string, names: readonly string[]): string {
  const styles = COLOURS.map((colour, i) => `.c${i}{stroke:${colour}}`).join('')
  const legend = svg.includes('line common')
    ? ''
    : names
        .map(
          (name, i) =>
            `<text x="${56 + i * 130}" y="252" style="fill:${COLOURS[i]}" class="name">${name}</text>`,
        )
        .join('')
  const style = `<style>text{font:11px sans-serif;fill:#777}.name{font-weight:600}.title{font-size:13px;font-weight:600}.grid{stroke:#8884}.line{fill:none;stroke-width:1.8}.common{stroke:#777}.also{stroke-dasharray:4 3}</style><style>${styles}</style>`
  return svg
    .replace('viewBox="0 0 720 220"', 'xmlns="http://www.w3.org/2000/svg" viewBox="0 -22 720 282"')
    .replace(
      '>',
      `>${style}<rect x="0" y="-22" width="720" height="282" fill="#fff"/><text x="8" y="-6" class="title">${title}</text>`,
    )
    .replace('</svg>', `${legend}</svg>\n`)
}
