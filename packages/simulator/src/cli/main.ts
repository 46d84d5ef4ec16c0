import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { compare, comparison } from './compare.ts'
import { readScenario, type ScenarioFile } from './scenario-file.ts'

const USAGE = `lineclear-simulate: what would a load do to these limits?

  lineclear-simulate <scenario.json>        compare the candidates that the file names

Options:
  --seed <number>                           another seed than the file's
  --help                                    this text
`

/** What the command does. Resolves to its exit status: 0, or 2 for what the user has to mend. */
export async function main(args: readonly string[], print: (text: string) => void): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        seed: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help === true) {
      print(USAGE)
      return 0
    }
    const [path, ...more] = positionals
    if (path === undefined || more.length > 0) {
      throw new TypeError(`one scenario file is wanted; received ${positionals.length}\n\n${USAGE}`)
    }
    const file = await scenarioFrom(path)
    if (values.seed !== undefined) file.scenario.seed = numberFrom('--seed', values.seed)
    print(comparison(file.name, await compare(file)))
    return 0
  } catch (error) {
    if (!(error instanceof Error)) throw error
    print(`lineclear-simulate: ${error.message}`)
    return 2
  }
}

async function scenarioFrom(path: string): Promise<ScenarioFile> {
  const text = await readFile(path, 'utf8')
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new TypeError(`${path} is not JSON: ${(error as Error).message}`)
  }
  return readScenario(json)
}

function numberFrom(name: string, text: string): number {
  const number = Number(text)
  if (text.trim() === '' || Number.isNaN(number))
    throw new TypeError(`${name} must be a number; received ${text}`)
  return number
}
