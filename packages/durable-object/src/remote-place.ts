/// <reference lib="esnext.disposable" preserve="true" />

import { waitUntil } from 'cloudflare:workers'
import type { Outcome, Permit } from '@lineclear/core'
import type { Answer } from './place.ts'

/** A place at the object, as a call that promises one shows it: it can be asked before it is there. */
export interface PlaceStub extends PromiseLike<Disposable> {
  answer(): PromiseLike<Answer>
  release(outcome: Outcome): PromiseLike<void>
}

/** A place at the object, seen from its caller; the caller's permit, once it is granted. */
export class RemotePlace implements Permit {
  readonly #stub: PlaceStub
  #release!: (outcome: Outcome) => void

  constructor(stub: PlaceStub) {
    this.#stub = stub
    const released = new Promise<Outcome>((resolve) => {
      this.#release = resolve
    })
    // Who releases may be another request, which can do no I/O for this one: hence it resolves a promise.
    released.then((outcome) => waitUntil(this.#tell(outcome)))
  }

  answer(): PromiseLike<Answer> {
    return this.#stub.answer()
  }

  /** Gives the permit back, or leaves the queue. Never throws. Later calls do nothing. */
  release(outcome: Outcome = 'success'): void {
    this.#release(outcome)
  }

  [Symbol.dispose](): void {
    this.release()
  }

  async #tell(outcome: Outcome): Promise<void> {
    try {
      await this.#stub.release(outcome)
      const place = await this.#stub
      place[Symbol.dispose]()
    } catch {
      // The object is gone, and the permit with it.
    }
  }
}
