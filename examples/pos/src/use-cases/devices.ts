import { injectable } from 'inversify'
import { BlobStorage, PortError, PushNotifications } from '@pdvend/ports'
import type { DeviceRow } from '../contracts/api.js'
import { tillFolder, tillKey } from './keys.js'

/** The most tills that are asked for at the start. */
const MAX_KNOWN = 500

/** Which tills are there: those that ever connected, kept up to date by the push port's presence events. */
@injectable()
export class Devices {
  readonly #rows = new Map<string, DeviceRow>()

  constructor(
    private readonly push: PushNotifications,
    private readonly blobs: BlobStorage,
  ) {}

  /** Follows presence until the push port closes. */
  async follow(): Promise<void> {
    // Opened before the known tills are asked for, so that no change falls in between.
    const events = this.push.presence.watch()
    try {
      await this.#lookAtKnown()
      for await (const { device, state, since } of events) this.#rows.set(device, { device, state, since: since.toISOString() })
    } finally {
      await events.return?.()
    }
  }

  /** Notes a till that got its connection, so that every process of the app knows it. */
  async welcome(till: string): Promise<void> {
    if (this.#rows.has(till)) return
    await this.#look(till)
    try {
      await this.blobs.put(tillKey(till), JSON.stringify({ till, firstSeenAt: new Date().toISOString() }), { if: { create: true } })
    } catch (error) {
      if (!PortError.is(error, 'PRECONDITION_FAILED', 'ALREADY_EXISTS')) throw error
    }
  }

  /** Online ones first, then by name. */
  list(): readonly DeviceRow[] {
    return [...this.#rows.values()].sort(
      (a, b) => b.state.localeCompare(a.state) || a.device.localeCompare(b.device, 'pt-BR', { numeric: true }),
    )
  }

  async #lookAtKnown(): Promise<void> {
    const known: string[] = []
    for await (const entry of this.blobs.list({ prefix: tillFolder, pageSize: MAX_KNOWN })) {
      if (entry.kind === 'blob') known.push(entry.key.slice(tillFolder.length, -'.json'.length))
      if (known.length === MAX_KNOWN) break
    }
    await Promise.all(known.map((till) => this.#look(till)))
  }

  async #look(device: string): Promise<void> {
    const { state, since } = await this.push.presence.get(device)
    this.#rows.set(device, { device, state, since: since.toISOString() })
  }
}
