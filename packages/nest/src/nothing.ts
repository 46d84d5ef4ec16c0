import { Observable } from 'rxjs'

/**
 * Neither a value nor an end: Nest sends nothing, and no exception filter is called. The interceptors
 * around are torn down, as when a client leaves a handler's Observable, so that their `finalize` runs.
 */
export function nothing(): Observable<never> {
  return new Observable((subscriber) => {
    let outermost = subscriber as unknown as Downstream
    while (typeof outermost.destination?.unsubscribe === 'function') outermost = outermost.destination
    outermost.unsubscribe()
  })
}

/** rxjs offers a source no way to say this, but a subscriber knows where it passes values on to. */
interface Downstream {
  destination?: Downstream
  unsubscribe(): void
}
