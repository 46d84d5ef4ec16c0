import type { AcquireRequest, Limiter, Permit } from './limiter.ts'

/**
 * Does `work` under a permit: acquires, works, releases, also when the work throws. Returns what the
 * work returns. Rejects as `acquire` does, without starting the work, or with what the work throws.
 */
export async function run<T>(
  limiter: Limiter,
  work: (permit: Permit) => T | PromiseLike<T>,
  request?: AcquireRequest,
): Promise<T> {
  const permit = await limiter.acquire(request)
  try {
    // It may have aborted between the grant and now.
    if (request?.signal?.aborted) throw request.signal.reason
    const result = await work(permit)
    permit.release()
    return result
  } finally {
    // After a success this does nothing. A failure says nothing about load.
    permit.release('ignored')
  }
}
