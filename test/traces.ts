import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Notes objects, without keeping them, to see what is left of them. */
export class Traces {
  readonly #traces: { what: string; object: WeakRef<object> }[] = []

  note<T extends object>(what: string, object: T): T {
    this.#traces.push({ what, object: new WeakRef(object) })
    return object
  }

  /** What something still refers to. */
  async remains(): Promise<string[]> {
    if (this.#traces.length === 0) throw new Error('there was nothing to leave a trace')
    // What a WeakRef was asked for or made of lives until the turn ends.
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((resolve) => setImmediate(resolve))
      collect()
    }
    return this.#traces.filter(({ object }) => object.deref() !== undefined).map(({ what }) => what)
  }
}
