import type { PortError } from '@pdvend/ports/wire'

/**
 * `connecting`: on its way. `resyncing`: connected, fetching what it missed. `online`: up to date. `offline`: no way through,
 * trying again. `takenOver`: another client connected as this device; stays so until `resume()`. `denied`: the app or the
 * broker refuses the credentials; tried again, slowly.
 */
export type DeviceStatus = 'connecting' | 'online' | 'resyncing' | 'offline' | 'takenOver' | 'denied'

/** Calls every listener; one that throws does not keep the others from hearing. */
export class Listeners<Args extends readonly unknown[]> {
  readonly #listeners = new Set<(...args: Args) => void>()

  add(listener: (...args: Args) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  tell(...args: Args): void {
    for (const listener of this.#listeners) {
      try {
        listener(...args)
      } catch (error) {
        // A listener's mistake belongs to the page, not to the connection.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}

/** A status and why it came, where there is a reason. */
export class StatusLine {
  readonly listeners = new Listeners<[DeviceStatus, PortError | undefined]>()
  #status: DeviceStatus = 'connecting'

  get(): DeviceStatus {
    return this.#status
  }

  set(status: DeviceStatus, reason?: PortError): void {
    if (status === this.#status) return
    this.#status = status
    this.listeners.tell(status, reason)
  }
}
