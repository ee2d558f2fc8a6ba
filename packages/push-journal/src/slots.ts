import { onAbort } from './abort.js'

/** So many at once, the others in line. `pg-pool` has such a line, too, but gives up on who waits there as on a server that is away. */
export class Slots {
  readonly #line: (() => void)[] = []
  #free: number

  constructor(count: number) {
    this.#free = count
  }

  /** Resolves when there is one; `release` hands it on. @throws the signal's reason when it aborts first */
  async take(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (this.#free > 0) {
      this.#free -= 1
      return
    }
    await new Promise<void>((resolve, reject) => {
      let stop = (): void => {}
      const turn = (): void => {
        stop()
        resolve()
      }
      this.#line.push(turn)
      if (signal === undefined) return
      stop = onAbort(signal, () => {
        const at = this.#line.indexOf(turn)
        if (at < 0) return
        this.#line.splice(at, 1)
        reject(signal.reason as Error)
      })
    })
  }

  release(): void {
    const next = this.#line.shift()
    if (next === undefined) this.#free += 1
    else next()
  }
}
