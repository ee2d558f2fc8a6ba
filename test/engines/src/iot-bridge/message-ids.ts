/** Packet identifiers towards one client: its session's and direct messages share them, so the broker's are renamed. */
export class MessageIds {
  readonly #inFlight = new Map<number, () => void>()
  #last = 0

  /** A free identifier; `acknowledged` is called once when the client has acknowledged it. */
  take(acknowledged: () => void): number {
    do this.#last = this.#last === 65_535 ? 1 : this.#last + 1
    while (this.#inFlight.has(this.#last))
    this.#inFlight.set(this.#last, acknowledged)
    return this.#last
  }

  settle(id: number): void {
    const acknowledged = this.#inFlight.get(id)
    this.#inFlight.delete(id)
    acknowledged?.()
  }
}
