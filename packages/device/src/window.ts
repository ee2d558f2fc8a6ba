/** Lets only so many of something run at once, the others in their order. */
export class Window {
  #free = 0
  #term = 0
  #waiting: { go(): void; stop(error: Error): void }[] = []

  /** A connection is there, which takes so many; nothing waits yet. */
  open(size: number): void {
    this.#free = size
  }

  /** The connection is lost, and with it what waits. */
  close(error: Error): void {
    this.#free = 0
    this.#term += 1
    for (const waiting of this.#waiting.splice(0)) waiting.stop(error)
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    const term = this.#term
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((go, stop) => this.#waiting.push({ go, stop }))
    try {
      return await work()
    } finally {
      if (term === this.#term) {
        const next = this.#waiting.shift()
        if (next === undefined) this.#free += 1
        else next.go()
      }
    }
  }
}
