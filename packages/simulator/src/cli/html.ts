import type { Step } from '../result.ts'
import { COLUMNS, type Outcome } from './compare.ts'
import { figure } from './table.ts'

interface Plot {
  readonly title: string
  readonly unit: string
  /** What to draw of a step; NaN leaves a gap. */
  readonly value: (step: Step) => number
  /** Drawn once and not for each candidate: what they all have in common. */
  readonly common?: boolean
  /** Drawn as a dashed line as well. */
  readonly also?: (step: Step) => number
}

const perSecond = (count: number, { length }: Step): number => (count * 1000) / length

const PLOTS: readonly Plot[] = [
  { title: 'Offered', unit: 'requests/s', value: (step) => perSecond(step.offered, step), common: true },
  { title: 'Goodput', unit: 'answers in time/s', value: (step) => perSecond(step.succeeded, step) },
  {
    title: 'In use, and the limit',
    unit: 'permits',
    value: (step) => step.inUse,
    also: ({ limit }) => limit ?? Number.NaN,
  },
  { title: 'Waiting', unit: 'requests', value: (step) => step.waiting },
  { title: 'Refused', unit: 'attempts/s', value: (step) => perSecond(step.refused, step) },
  { title: 'Latency, p50', unit: 'ms', value: (step) => step.p50 },
  { title: 'Latency, p99', unit: 'ms', value: (step) => step.p99 },
]

// Told apart also by those who see no red or no green (Okabe and Ito), on light and on dark.
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8b6bb1', '#7f7f7f']

const WIDTH = 720
const HEIGHT = 220
const LEFT = 56
const RIGHT = 12
const TOP = 10
const BOTTOM = 26
/** More points than this are not seen. */
const MOST_POINTS = 600

/** One page that needs nothing else: a table of the outcomes, and how each went over time. */
export function htmlPage(name: string | undefined, outcomes: readonly Outcome[]): string {
  const title = name ?? 'A simulated load'
  const result = outcomes[0]?.result
  const load =
    result === undefined
      ? ''
      : `${result.offered} requests in ${figure(result.window / 1000)} s, ${figure((result.offered * 1000) / result.window)} a second; seed ${result.seed}. Click a name to hide it.`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}${outcomes.map((_, i) => `.c${i}{--c:${COLOURS[i % COLOURS.length]}}`).join('')}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
<p>${escaped(load)}</p>
<div class="scroll"><table>
<thead><tr><th></th>${COLUMNS.map(([head]) => `<th>${escaped(head)}</th>`).join('')}</tr></thead>
<tbody>
${outcomes.map(row).join('\n')}
</tbody>
</table></div>
<div class="plots">
${PLOTS.map((plot) => figureOf(plot, outcomes)).join('\n')}
</div>
<script>${SCRIPT}</script>
</body>
</html>
`
}

function row({ name, result }: Outcome, i: number): string {
  const cells = COLUMNS.map(([, cell]) => `<td>${escaped(cell(result))}</td>`).join('')
  return `<tr><th><button class="c${i}" data-c="${i}" aria-pressed="true">${escaped(name)}</button></th>${cells}</tr>`
}

function figureOf(plot: Plot, outcomes: readonly Outcome[]): string {
  const drawn = plot.common === true ? outcomes.slice(0, 1) : outcomes
  const end = Math.max(...outcomes.map(({ result }) => lastTime(result.series)))
  const lines = drawn.map(({ result }) => thinned(result.series))
  const peaks = lines.map((steps) => peakOf(plot, steps))
  const { most, above } = scaleOf(peaks)
  const x = (time: number): number => LEFT + (time / Math.max(end, 1)) * (WIDTH - LEFT - RIGHT)
  const y = (value: number): number =>
    HEIGHT - BOTTOM - (Math.min(value, most) / most) * (HEIGHT - TOP - BOTTOM)
  const marks = [0, 1, 2, 3, 4].map((i) => (i * most) / 4)
  const grid = marks.map(
    (mark) =>
      `<path class="grid" d="M${LEFT} ${round(y(mark))}H${WIDTH - RIGHT}"/><text x="${LEFT - 6}" y="${round(y(mark) + 4)}" text-anchor="end">${figure(mark)}</text>`,
  )
  const times = timeMarks(end).map(
    (time) =>
      `<text x="${round(x(time))}" y="${HEIGHT - 8}" text-anchor="middle">${figure(time / 1000)} s</text>`,
  )
  const paths = lines.flatMap((steps, i) => {
    const of = plot.common === true ? 'common' : `c${i}`
    const middle = (step: Step): number => x(step.at + step.length / 2)
    const path = (value: (step: Step) => number, more = ''): string =>
      `<path class="line ${of}${more}" d="${pathOf(steps, middle, (step) => y(value(step)))}"/>`
    return plot.also === undefined ? [path(plot.value)] : [path(plot.also, ' also'), path(plot.value)]
  })
  return `<figure><figcaption>${escaped(plot.title)} <small>${escaped(plot.unit + above)}</small></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(plot.title)} over time">${grid.join('')}${times.join('')}${paths.join('')}</svg></figure>`
}

function peakOf(plot: Plot, steps: readonly Step[]): number {
  const values = steps.flatMap((step) => [plot.value(step), plot.also?.(step) ?? 0])
  return Math.max(0, ...values.filter((value) => Number.isFinite(value)))
}

/** The top of a scale. One candidate far above all others does not make them all flat: it is cut off. */
function scaleOf(peaks: readonly number[]): { most: number; above: string } {
  const [first = 0, second = 0] = [...peaks].sort((a, b) => b - a)
  if (second === 0 || first < 10 * second) return { most: niceAbove(first), above: '' }
  return { most: niceAbove(2 * second), above: `; one goes up to ${figure(first)}` }
}

/** Lines from each step to the next; a gap where there is no value. */
function pathOf(steps: readonly Step[], x: (step: Step) => number, y: (step: Step) => number): string {
  let drawing = false
  let path = ''
  for (const step of steps) {
    const height = y(step)
    if (Number.isFinite(height)) path += `${drawing ? 'L' : 'M'}${round(x(step))} ${round(height)}`
    drawing = Number.isFinite(height)
  }
  return path
}

/** Not more steps than can be seen: each is then the mean of several, and of percentiles the highest. */
function thinned(series: readonly Step[]): Step[] {
  const each = Math.ceil(series.length / MOST_POINTS)
  if (each <= 1) return [...series]
  const steps: Step[] = []
  for (let from = 0; from < series.length; from += each) steps.push(joined(series.slice(from, from + each)))
  return steps
}

function joined(steps: readonly Step[]): Step {
  const length = steps.reduce((sum, step) => sum + step.length, 0)
  const sum = (value: (step: Step) => number): number => steps.reduce((total, step) => total + value(step), 0)
  const mean = (value: (step: Step) => number): number => sum((step) => value(step) * step.length) / length
  const most = (value: (step: Step) => number): number =>
    steps.map(value).reduce((a, b) => (a >= b || Number.isNaN(b) ? a : b), Number.NaN)
  return {
    ...(steps.at(-1) as Step),
    at: steps[0]?.at ?? 0,
    length,
    offered: sum((step) => step.offered),
    attempts: sum((step) => step.attempts),
    admitted: sum((step) => step.admitted),
    succeeded: sum((step) => step.succeeded),
    completed: sum((step) => step.completed),
    refused: sum((step) => step.refused),
    left: sum((step) => step.left),
    inUse: mean((step) => step.inUse),
    waiting: mean((step) => step.waiting),
    p50: most((step) => step.p50),
    p99: most((step) => step.p99),
  }
}

function lastTime(series: readonly Step[]): number {
  const last = series.at(-1)
  return last === undefined ? 0 : last.at + last.length
}

/** The next number whose quarters are short. */
function niceAbove(value: number, factors: readonly number[] = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8]): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return (factors.find((nice) => nice * power >= value * 0.999) ?? 10) * power
}

function timeMarks(end: number): number[] {
  const step = niceAbove(end / 6, [1, 2, 5])
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => i * step)
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const STYLE = `:root{color-scheme:light dark;--fg:#1c1e21;--bg:#fff;--faint:#8884;--dim:#666}
@media(prefers-color-scheme:dark){:root{--fg:#e6e6e6;--bg:#16181b;--dim:#a5a5a5}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:1500px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.4rem;margin:0}.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;margin:1rem 0}
th,td{padding:.2rem .7rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--faint);font-weight:400}
thead th{color:var(--dim)}tbody th{text-align:left;padding-left:0}
button{font:inherit;color:inherit;background:none;border:0;padding:0;cursor:pointer;display:flex;align-items:center;gap:.5rem}
button::before{content:"";width:1.4rem;height:.25rem;background:var(--c)}
button[aria-pressed=false]{opacity:.4}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,32rem),1fr));gap:1rem 2rem}
figure{margin:0}figcaption{font-weight:600}small{font-weight:400;color:var(--dim)}
svg{width:100%;height:auto}text{fill:var(--dim);font-size:11px}
.grid{stroke:var(--faint)}.line{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round}
.also{stroke-dasharray:4 3;stroke-width:1.1}.common{--c:var(--fg)}`

const SCRIPT = `for(const b of document.querySelectorAll('button[data-c]'))b.addEventListener('click',()=>{
const shown=b.getAttribute('aria-pressed')!=='true';b.setAttribute('aria-pressed',shown);
for(const p of document.querySelectorAll('path.c'+b.dataset.c))p.style.display=shown?'':'none'})`
