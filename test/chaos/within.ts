const PATIENCE = 10_000

/**
 * Awaits what has to come; if it does not, throws an error that says what is stuck.
 *
 * @param progress what changes as long as there is hope
 */
export async function within<T>(
  promise: Promise<T>,
  what: () => string,
  progress: () => unknown = () => 0,
): Promise<T> {
  let timer: ReturnType<typeof setInterval> | undefined
  const stuck = new Promise<never>((_, reject) => {
    let last = progress()
    timer = setInterval(() => {
      if (progress() === last) reject(new Error(`It has not ${what()}`))
      last = progress()
    }, PATIENCE)
  })
  try {
    return await Promise.race([promise, stuck])
  } finally {
    clearInterval(timer)
  }
}
