/**
 * Seeded randomness: the same names make the same numbers, on every machine. xoshiro128** by Blackman
 * and Vigna, started from a hash of the names.
 */
export class Random {
  readonly #state: Uint32Array

  /** What tells this stream from others, such as a seed and what the numbers are for. */
  constructor(...names: readonly (string | number)[]) {
    this.#state = spread(names.join('/'))
  }

  /** The generator itself, from the four words of its state. For those who check it. */
  static from(state: readonly [number, number, number, number]): Random {
    const random = new Random()
    random.#state.set(state)
    return random
  }

  /** From 0 to below 1, in steps of 2^-32. */
  next(): number {
    return this.word() / 2 ** 32
  }

  /** 32 random bits. */
  word(): number {
    const state = this.#state
    const [a = 0, b = 0, c = 0, d = 0] = [state[0], state[1], state[2], state[3]]
    const times5 = Math.imul(b, 5)
    const result = Math.imul((times5 << 7) | (times5 >>> 25), 9) >>> 0
    const mixedC = c ^ a
    const mixedD = d ^ b
    state[1] = b ^ mixedC
    state[0] = a ^ mixedD
    state[2] = mixedC ^ (b << 9)
    state[3] = (mixedD << 11) | (mixedD >>> 21)
    return result
  }

  /** Normally distributed with mean 0 and deviation 1, by Box and Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next())
  }

  /** Exponentially distributed with mean 1. */
  exponential(): number {
    return -Math.log(1 - this.next())
  }
}

/** FNV-1a over the text, spread over four words by splitmix32. */
function spread(text: string): Uint32Array {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return Uint32Array.from({ length: 4 }, () => {
    hash = (hash + 0x9e3779b9) | 0
    let mixed = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  })
}
