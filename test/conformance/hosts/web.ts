import type { Stage } from '../stage/stage.ts'

/** An application on a stage, for runtimes whose servers call a function that returns a Response. */
export type WebTarget = (stage: Stage) => {
  // biome-ignore lint/suspicious/noExplicitAny: each runtime hands over something else
  fetch(request: Request, ...rest: any[]): Response | undefined | Promise<Response | undefined>
  /** Bun's handlers of websockets. */
  websocket?: object
}
