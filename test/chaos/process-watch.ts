import type { Findings } from './findings.ts'
import { isExpected } from './handler.ts'

/** Hears what a process, or a framework that writes to the console, complains of. */
export class ProcessWatch {
  readonly #findings: Findings
  readonly #console = console.error

  constructor(findings: Findings) {
    this.#findings = findings
    process.on('warning', this.#onWarning)
    process.on('unhandledRejection', this.#onFailure)
    process.on('uncaughtException', this.#onFailure)
    console.error = (message: unknown) => {
      // Node's own, which are heard as warnings.
      if (!String(message).startsWith('(')) this.#onFailure(message)
    }
  }

  stop(): void {
    process.off('warning', this.#onWarning)
    process.off('unhandledRejection', this.#onFailure)
    process.off('uncaughtException', this.#onFailure)
    console.error = this.#console
  }

  readonly #onWarning = (warning: Error): void => {
    // Of our own queryObjects().
    if (warning.name !== 'ExperimentalWarning') this.#findings.add(`Node warned: ${warning.stack}`)
  }

  readonly #onFailure = (error: unknown): void => {
    if (!isExpected(error)) this.#findings.add(`Nobody caught ${(error as Error)?.stack ?? error}`)
  }
}
