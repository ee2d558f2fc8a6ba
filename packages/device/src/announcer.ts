import type { IClientOptions, MqttClient } from 'mqtt'
import { type Announcement, ConnectionVersions, type DeviceConnection, encodeAnnouncement, newId } from '@pdvend/ports/wire'

/** How long a device that fetches new credentials has to come back before it counts as lost, in milliseconds. */
const BACK_WITHIN_MS = 15_000

/**
 * Says that this device is there, where the engine does not tell by itself: a retained message on a topic of its own, and
 * a will in case that it cannot say goodbye. One for each client that the app should tell apart.
 */
export class Announcer {
  readonly client = newId()
  readonly #versions = new ConnectionVersions()
  #connection: DeviceConnection | undefined

  constructor(private readonly now: () => number) {}

  /** A connection begins; gives its will, which says `lost`. */
  begin(connection: DeviceConnection): IClientOptions['will'] {
    this.#connection = connection
    this.#versions.begin(this.now())
    if (connection.presence === undefined) return undefined
    const payload = this.#text({ state: 'offline', version: this.#versions.last, reason: 'lost' })
    return { topic: connection.presence, payload: payload as unknown as Buffer, qos: 1, retain: true }
  }

  online(mqtt: MqttClient): Promise<void> {
    return this.#say(mqtt, { state: 'online', version: this.#versions.next() })
  }

  /** `renew`: only to come back with other credentials. */
  leaving(mqtt: MqttClient, end: string): Promise<void> {
    if (end === 'renew') return this.#say(mqtt, { state: 'online', version: this.#versions.next(), backWithinMs: BACK_WITHIN_MS })
    return this.#say(mqtt, { state: 'offline', version: this.#versions.last, reason: end === 'takenOver' ? 'takenOver' : 'closed' })
  }

  async #say(mqtt: MqttClient, what: Pick<Announcement, 'state' | 'version' | 'reason' | 'backWithinMs'>): Promise<void> {
    const topic = this.#connection?.presence
    if (topic !== undefined) await mqtt.publishAsync(topic, this.#text(what), { qos: 1, retain: true })
  }

  #text(what: Pick<Announcement, 'state' | 'version' | 'reason' | 'backWithinMs'>): string {
    return encodeAnnouncement({ ...what, at: this.now(), client: this.client, username: this.#connection!.username })
  }
}
