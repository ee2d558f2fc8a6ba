import type { DisconnectReason, EventDisturbance } from './types.js'
import type { Service } from './service.js'

/** How long one event waits for another to change places with. */
const ALONE_MS = 500

/** Who an event is about. */
export interface EventSubject {
  readonly clientId: string
  readonly sessionIdentifier: string
  readonly principalIdentifier: string
  /** The same for connect and disconnect of one connection, greater for the next. */
  readonly versionNumber: number
  readonly ipAddress: string
}

/** Lifecycle events as the service publishes them: https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html */
export class Events {
  #disturbance: EventDisturbance = {}
  #waiting: (() => void) | undefined

  constructor(private readonly service: Service) {}

  disturb(disturbance: EventDisturbance): void {
    this.#disturbance = disturbance
    if (disturbance.reorder !== true) this.#waiting?.()
  }

  connected({ ipAddress, versionNumber, ...subject }: EventSubject): void {
    this.#send('presence/connected', { ...subject, eventType: 'connected', ipAddress, versionNumber })
  }

  disconnected({ ipAddress: _ip, versionNumber, ...subject }: EventSubject, disconnectReason: DisconnectReason): void {
    const clientInitiatedDisconnect = disconnectReason === 'CLIENT_INITIATED_DISCONNECT'
    this.#send('presence/disconnected', {
      ...subject,
      eventType: 'disconnected',
      clientInitiatedDisconnect,
      disconnectReason,
      versionNumber,
    })
  }

  subscriptions(eventType: 'subscribed' | 'unsubscribed', subject: EventSubject, topics: readonly string[]): void {
    const { clientId, sessionIdentifier, principalIdentifier } = subject
    this.#send(`subscriptions/${eventType}`, { clientId, eventType, sessionIdentifier, principalIdentifier, topics })
  }

  #send(kind: string, event: Pick<EventSubject, 'clientId'> & Record<string, unknown>): void {
    const { clientId } = event
    const { double = false, delayMs = 0, reorder = false, drop = false } = this.#disturbance
    // AWS tells nothing of such names.
    if (drop || /[+#]/.test(clientId)) return
    const payload = Buffer.from(JSON.stringify({ ...event, timestamp: Date.now() }))
    const publish = (): void => {
      for (let times = double ? 2 : 1; times > 0; times--)
        this.service.publish(`$aws/events/${kind}/${clientId}`, payload, { qos: 1 }).catch(() => {})
    }
    const inTurn = (): void => (reorder ? this.#swap(publish) : publish())
    if (delayMs > 0) setTimeout(inTurn, delayMs).unref()
    else inTurn()
  }

  #swap(publish: () => void): void {
    const earlier = this.#waiting
    if (earlier !== undefined) {
      publish()
      return earlier()
    }
    const late = setTimeout(() => this.#waiting?.(), ALONE_MS)
    this.#waiting = () => {
      clearTimeout(late)
      this.#waiting = undefined
      publish()
    }
  }
}
