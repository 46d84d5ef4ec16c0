import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

export interface RunningExample {
  url: string
  stop(): Promise<void>
}

/** Starts an example in a process of its own; what it prints goes line by line to `onLine`. */
export async function startExample(
  name: string,
  port: string,
  onLine: (line: string) => void,
): Promise<RunningExample> {
  const file = fileURLToPath(new URL(`../${name}.ts`, import.meta.url))
  const preload = new URL('with-parent.ts', import.meta.url).href
  const child = spawn(process.execPath, ['--import', 'tsx', '--import', preload, file], {
    env: { ...process.env, PORT: port },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout as Readable).on('line', (line) => {
      const [, address] = line.match(/^listening on (.*)$/) ?? []
      if (address !== undefined) resolve(address)
      else onLine(line)
    })
    exited.then(() => reject(new Error(`The example ${name} ended before it was listening`)))
  })
  return {
    url,
    stop: () => {
      child.kill()
      return exited
    },
  }
}
