import { injectable } from 'inversify'
import { PushNotifications } from '@pdvend/ports'
import type { DeviceRow } from '../contracts/api.js'

/** Which tills are there: kept up to date by the push port's presence events. */
@injectable()
export class Devices {
  readonly #rows = new Map<string, DeviceRow>()
  #stopped = false

  constructor(private readonly push: PushNotifications) {}

  /** Follows presence until {@link stop}; an ended or failed stream is opened again. */
  async follow(): Promise<void> {
    while (!this.#stopped) {
      try {
        for await (const { device, state, since } of this.push.presence.watch()) {
          if (this.#stopped) return
          this.#rows.set(device, { device, state, since: since.toISOString() })
        }
      } catch (error) {
        if (this.#stopped) return
        await new Promise((resolve) => setTimeout(resolve, 1_000).unref())
        if (this.#stopped) throw error
      }
    }
  }

  /** Asks for one device, e.g. one that just got its connection and may have been there before this process was. */
  async look(device: string): Promise<void> {
    const { state, since } = await this.push.presence.get(device)
    this.#rows.set(device, { device, state, since: since.toISOString() })
  }

  /** Online ones first, then by name. */
  list(): readonly DeviceRow[] {
    return [...this.#rows.values()].sort(
      (a, b) => b.state.localeCompare(a.state) || a.device.localeCompare(b.device, 'pt-BR', { numeric: true }),
    )
  }

  stop(): void {
    this.#stopped = true
  }
}
