import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

// One thread collects the garbage: the whole cost counts, and no helper spins while it waits for a core
// that others keep busy. The heap starts as large as a busy server's, or a major collection would fall
// into the rounds of some candidates and not of others.
export const STEADY: readonly string[] = [
  '--expose-gc',
  '--single-threaded-gc',
  '--initial-old-space-size=512',
]

/** Node as users run it. */
export const AS_IS: readonly string[] = ['--expose-gc']

/** A process of one contestant's own, so that none spoils another's heap or compiled code. */
export class Child {
  readonly #process: ChildProcess

  /** `url` is a module that calls {@link serve}. */
  constructor(url: string, args: string[], flags: readonly string[] = STEADY) {
    this.#process = fork(fileURLToPath(url), args, {
      execArgv: [...flags],
      env: { ...process.env, NODE_ENV: 'production' },
    })
  }

  async ask<Answer>(question: string): Promise<Answer> {
    this.#process.send(question)
    const settled = new AbortController()
    const { signal } = settled
    try {
      const exit = once(this.#process, 'exit', { signal }).then(([code]) => {
        throw new Error(`${this.#process.spawnargs.slice(1).join(' ')} exited with ${code}`)
      })
      const [answer] = await Promise.race([once(this.#process, 'message', { signal }), exit])
      return answer as Answer
    } finally {
      settled.abort()
    }
  }

  stop(): void {
    if (this.#process.connected) this.#process.disconnect()
  }

  /** SIGKILL. */
  kill(): void {
    this.#process.kill('SIGKILL')
  }
}

/** In the child: answers each question, and exits with the parent. */
export function serve(answer: (question: string) => unknown): void {
  process.on('disconnect', () => process.exit())
  // Gone before we listened.
  if (!process.connected) process.exit()
  process.on('message', async (question) => {
    process.send?.(await answer(question as string))
  })
}
