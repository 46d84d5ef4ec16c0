/** Does it to each, also after it failed with one; then throws what was thrown first. */
export function doAll<T>(items: Iterable<T>, action: (item: T) => void): void {
  let failure: { error: unknown } | undefined
  for (const item of items) {
    try {
      action(item)
    } catch (error) {
      failure ??= { error }
    }
  }
  if (failure !== undefined) throw failure.error
}
