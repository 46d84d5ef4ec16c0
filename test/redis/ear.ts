import type { Port } from '../../packages/redis/src/port.ts'
import { until } from './until.ts'

/** Hears a channel of a port, and remembers what it heard. */
export class Ear {
  readonly messages: string[] = []
  /** How often the subscription stood. */
  subscribed = 0
  readonly stop: () => void

  constructor(port: Port, channel: string) {
    this.stop = port.subscribe(
      channel,
      (message) => this.messages.push(message),
      () => {
        this.subscribed++
      },
    )
  }

  /** Resolves when the subscription has stood more often than `times`. */
  async standsAgain(times: number): Promise<void> {
    await until(`the subscription stands, after ${times} times`, () => this.subscribed > times)
  }

  async heard(message: string): Promise<void> {
    await until(`"${message}" arrives`, () => this.messages.includes(message))
  }
}
