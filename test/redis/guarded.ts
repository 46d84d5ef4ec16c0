import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

/**
 * The shell starts the program and reads its own stdin, whose other end is ours. However this process ends,
 * that end closes, and then the shell kills the program (even a stopped one) and removes its directory.
 * What it writes first is the program's pid; then it closes its stdout, which thus ends with the program.
 */
const GUARD = `
directory=$1; shift
"$@" </dev/null & pid=$!
echo $pid
exec >&-
read word
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
[ "$word" = keep ] || rm -rf "$directory"
`

/** A program that does not outlive this process. */
export class Guarded {
  readonly pid: number
  readonly #guard: ChildProcess
  readonly #ended: Promise<void>
  #isOver = false

  /**
   * `output` is called with each line that the program writes. With `hear`, which is called with its messages,
   * it is a program of Node, to which `send` sends some.
   */
  static async start(
    directory: string,
    command: readonly string[],
    output: (line: string) => void,
    hear?: (message: unknown) => void,
  ): Promise<Guarded> {
    const guard = spawn('sh', ['-c', GUARD, 'guard', directory, ...command], {
      cwd: directory,
      // The program inherits the shell's channel.
      stdio: ['pipe', 'pipe', 'inherit', ...(hear === undefined ? [] : ['ipc' as const])],
    }) as ChildProcessByStdio<Writable, Readable, null>
    if (hear !== undefined) guard.on('message', hear)
    const lines = createInterface(guard.stdout)
    const [pid] = await once(lines, 'line')
    const ended = once(lines, 'close').then(() => {})
    lines.on('line', output)
    return new Guarded(Number(pid), guard, ended)
  }

  private constructor(pid: number, guard: ChildProcess, ended: Promise<void>) {
    this.pid = pid
    this.#guard = guard
    this.#ended = ended.then(() => {
      this.#isOver = true
    })
  }

  /** Resolves when the program has ended, by itself or not. */
  get ended(): Promise<void> {
    return this.#ended
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void {
    if (this.#isOver) throw new Error('the program has ended')
    process.kill(this.pid, signal)
  }

  send(message: object): void {
    this.#guard.send(message)
  }

  /** SIGKILL, also to a stopped program; resolves when it is gone, and its directory too unless kept. */
  async kill(directory: 'keep' | 'remove'): Promise<void> {
    if (this.#guard.exitCode !== null) return
    const gone = once(this.#guard, 'exit')
    this.#guard.stdin?.end(directory === 'keep' ? 'keep\n' : '')
    await Promise.all([gone, this.#ended])
  }
}
