import type { Client } from './client.js'
import type { DisconnectReason } from './types.js'

/** How long GetConnection tells of who has gone. */
const REMEMBERED_MS = 1_800_000

/** What the service knows of a client id, connected or not. */
export interface Known {
  versionNumber: number
  /** Of the session, which may outlive the connection. */
  readonly filters: Map<string, number>
  connection?: Client
  /** Who connects by this client id is let in one after another. */
  turn: Promise<void>
  left?: { readonly at: number; readonly reason: DisconnectReason; readonly cleanSession: boolean; readonly sessionExpiry: number }
}

/** Every client id that has been seen. */
export class Clients {
  readonly #known = new Map<string, Known>()

  of(clientId: string): Known {
    let known = this.#known.get(clientId)
    if (known === undefined) this.#known.set(clientId, (known = { versionNumber: -1, filters: new Map(), turn: Promise.resolve() }))
    return known
  }

  /** Of somebody who is there, or left a while ago. */
  find(clientId: string): Known | undefined {
    const known = this.#known.get(clientId)
    const gone = known?.connection === undefined && (known?.left === undefined || known.left.at < Date.now() - REMEMBERED_MS)
    return gone ? undefined : known
  }

  connections(): readonly Client[] {
    return [...this.#known.values()].flatMap(({ connection }) => connection ?? [])
  }

  clear(): void {
    this.#known.clear()
  }
}
