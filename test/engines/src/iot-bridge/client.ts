import { randomUUID } from 'node:crypto'
import type {
  IConnectPacket,
  IDisconnectPacket,
  IPublishPacket,
  ISubackPacket,
  ISubscribePacket,
  IUnsubackPacket,
  IUnsubscribePacket,
  Packet,
} from 'mqtt-packet'
import type { Known } from './clients.js'
import type { Events, EventSubject } from './events.js'
import type { Identity } from './identity.js'
import { keepAliveOf, MAX_PAYLOAD_BYTES, Rate, wrongTopic } from './limits.js'
import { MessageIds } from './message-ids.js'
import { screen } from './subscriptions.js'
import type { DisconnectReason, IotLimits } from './types.js'
import type { Upstream } from './upstream.js'
import type { Wire } from './wire.js'

/** MQTT 5 reason codes. */
const NOT_AUTHORIZED = 0x87
const QUOTA_EXCEEDED = 0x97
const WITH_WILL = 0x04

const GOODBYES: Readonly<Record<DisconnectReason, number>> = {
  API_INITIATED_DISCONNECT: 0x98,
  AUTH_ERROR: NOT_AUTHORIZED,
  CLIENT_ERROR: 0x82,
  CLIENT_INITIATED_DISCONNECT: 0,
  CONNECTION_LOST: 0,
  CUSTOMAUTH_TTL_EXPIRATION: 0xa0,
  DUPLICATE_CLIENTID: 0x8e,
  MQTT_KEEP_ALIVE_TIMEOUT: 0x8d,
  SERVER_ERROR: 0x80,
  SERVER_INITIATED_DISCONNECT: 0x8b,
}

export interface ClientParts {
  readonly wire: Wire
  readonly connect: IConnectPacket
  readonly identity: Identity
  readonly upstream: Upstream
  readonly known: Known
  readonly sessionExpiry: number
  readonly limits: IotLimits
  readonly events: Events
  readonly log: (line: string) => void
}

/** A client that is let in: its packets pass to the broker and back, as far as AWS IoT and its policy let them. */
export class Client {
  readonly connectedSince = Date.now()
  readonly keepAliveSeconds: number
  readonly subject: EventSubject
  #allows
  readonly #rate
  readonly #ids = new MessageIds()
  readonly #aliases = new Map<number, string>()
  readonly #pending = new Map<number, (packet: ISubackPacket | IUnsubackPacket) => void>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #gone = new Set<() => void>()
  #heardAt = Date.now()
  #over = false

  constructor(readonly parts: ClientParts) {
    const { wire, connect, identity, known, limits } = parts
    this.#allows = identity.allows
    this.#rate = new Rate(limits.publishesPerSecond)
    this.keepAliveSeconds = keepAliveOf(connect.keepalive ?? 0, limits)
    this.subject = {
      clientId: connect.clientId,
      sessionIdentifier: randomUUID(),
      principalIdentifier: identity.principal,
      versionNumber: ++known.versionNumber,
      ipAddress: wire.socket.remoteAddress ?? '',
    }
  }

  get clientId(): string {
    return this.subject.clientId
  }

  get cleanSession(): boolean {
    return this.parts.sessionExpiry === 0
  }

  /** From now on packets pass. */
  start(): void {
    const { wire, upstream, events, known } = this.parts
    known.connection = this
    delete known.left
    events.connected(this.subject)
    this.#watch()
    wire.packets.onClose(() => this.end(wire.saidGoodbye() ? 'CLIENT_INITIATED_DISCONNECT' : 'CONNECTION_LOST'))
    upstream.packets.onClose(() => this.end('SERVER_ERROR'))
    upstream.packets.take((packet) => this.#fromBroker(packet))
    wire.packets.take((packet) => this.#fromClient(packet))
  }

  /** Ends the connection once. The will goes out unless the client said goodbye, or `will` is false. */
  end(reason: DisconnectReason, { will = reason !== 'CLIENT_INITIATED_DISCONNECT', forget = false, goodbye }: Ending = {}): void {
    if (this.#over) return
    const { wire, upstream, events, known, sessionExpiry } = this.parts
    this.#stop()
    known.left = { at: Date.now(), reason, cleanSession: this.cleanSession, sessionExpiry }
    if (forget || this.cleanSession) known.filters.clear()
    if (goodbye !== undefined || !will || forget)
      upstream.leave(goodbye ?? { reasonCode: will ? WITH_WILL : 0, ...(forget && { properties: { sessionExpiryInterval: 0 } }) })
    else upstream.drop()
    if (reason !== 'CLIENT_INITIATED_DISCONNECT' && wire.packets.version === 5)
      wire.packets.send({ cmd: 'disconnect', reasonCode: GOODBYES[reason] })
    wire.packets.end()
    events.disconnected(this.subject, reason)
  }

  /** As when the front itself dies: nobody is told. */
  abandon(): void {
    if (this.#over) return
    this.#stop()
    this.parts.wire.socket.resetAndDestroy()
    this.parts.upstream.drop()
  }

  /** As when the network fails. */
  cut(): void {
    this.parts.wire.socket.resetAndDestroy()
  }

  /** Reads neither from the client nor from the broker until the returned function was called. */
  hold(): () => void {
    const releases = [this.parts.wire.packets.hold(), this.parts.upstream.packets.hold()]
    return () => releases.forEach((release) => release())
  }

  mayReceive(topic: string): boolean {
    return this.#allows('iot:Receive', `topic/${topic}`)
  }

  /** Sends to this client whether it has subscribed or not; resolves true when it has acknowledged, at QoS 0 at once. */
  async deliver(message: Pick<IPublishPacket, 'topic' | 'payload' | 'properties'>, withinMs: number | undefined): Promise<boolean> {
    const { packets } = this.parts.wire
    if (withinMs === undefined) {
      packets.send({ cmd: 'publish', qos: 0, dup: false, retain: false, ...message })
      return true
    }
    return new Promise((resolve) => {
      const settle = (acknowledged: boolean) => (): void => {
        clearTimeout(late)
        this.#gone.delete(left)
        resolve(acknowledged)
      }
      const left = settle(false)
      const late = setTimeout(left, withinMs)
      this.#gone.add(left)
      packets.send({ cmd: 'publish', qos: 1, dup: false, retain: false, messageId: this.#ids.take(settle(true)), ...message })
    })
  }

  #stop(): void {
    this.#over = true
    for (const timer of this.#timers) clearTimeout(timer)
    if (this.parts.known.connection === this) delete this.parts.known.connection
    for (const left of this.#gone) left()
  }

  #watch(): void {
    const silenceMs = this.keepAliveSeconds * 1_500
    const check = (): void => {
      const left = this.#heardAt + silenceMs - Date.now()
      if (left <= 0) this.end('MQTT_KEEP_ALIVE_TIMEOUT')
      else this.#after(left, check)
    }
    this.#after(silenceMs, check)
    const { ends } = this.parts.identity
    if (ends === undefined) return
    this.#after(ends.afterMs, () => this.end('CUSTOMAUTH_TTL_EXPIRATION'))
    const refresh = (): void => {
      ends.again().then(
        ({ allows }) => ((this.#allows = allows), this.#after(ends.refreshMs, refresh)),
        () => this.end('AUTH_ERROR'),
      )
    }
    if (ends.refreshMs < ends.afterMs) this.#after(ends.refreshMs, refresh)
  }

  #after(ms: number, act: () => void): void {
    if (this.#over) return
    const timer = setTimeout(() => (this.#timers.delete(timer), act()), ms)
    timer.unref()
    this.#timers.add(timer)
  }

  #fromClient(packet: Packet): void {
    if (this.#over) return
    this.#heardAt = Date.now()
    const { packets } = this.parts.upstream
    if (packet.cmd === 'publish') this.#publish(packet)
    else if (packet.cmd === 'puback') this.#ids.settle(packet.messageId!)
    else if (packet.cmd === 'subscribe') this.#subscribe(packet)
    else if (packet.cmd === 'unsubscribe') this.#unsubscribe(packet)
    else if (packet.cmd === 'pingreq') packets.send(packet)
    else if (packet.cmd === 'disconnect') this.#leave(packet)
    else this.#offend(`a client does not send ${packet.cmd} here`)
  }

  #fromBroker(packet: Packet): void {
    if (this.#over) return
    const { wire, upstream } = this.parts
    if (packet.cmd === 'publish') this.#pass(packet)
    else if (packet.cmd === 'puback' || packet.cmd === 'pingresp') wire.packets.send(packet)
    else if (packet.cmd === 'suback' || packet.cmd === 'unsuback') {
      this.#pending.get(packet.messageId!)?.(packet)
      this.#pending.delete(packet.messageId!)
    } else upstream.drop()
  }

  #publish(packet: IPublishPacket): void {
    const { wire, upstream } = this.parts
    const { topicAlias, ...properties } = packet.properties ?? {}
    if (topicAlias !== undefined && packet.topic !== '') this.#aliases.set(topicAlias, packet.topic)
    const topic = packet.topic === '' && topicAlias !== undefined ? (this.#aliases.get(topicAlias) ?? '') : packet.topic
    const wrong = wrongTopic(topic)
    if (wrong !== undefined) return this.#offend(wrong)
    if (packet.qos === 2) return this.#offend('there is no QoS 2')
    if (packet.payload.length > MAX_PAYLOAD_BYTES) return this.#offend(`a payload has at most ${MAX_PAYLOAD_BYTES} bytes`)
    const denied = ['iot:Publish', ...(packet.retain ? ['iot:RetainPublish'] : [])].find(
      (action) => !this.#allows(action, `topic/${topic}`),
    )
    if (denied !== undefined) {
      this.parts.log(`${this.clientId} ended: ${denied} on topic/${topic} is not allowed`)
      return this.end('AUTH_ERROR')
    }
    if (!this.#rate.take()) {
      // MQTT 3.1.1 has no way to say no: it is discarded, and not acknowledged.
      if (packet.qos === 1 && wire.packets.version === 5)
        wire.packets.send({ cmd: 'puback', messageId: packet.messageId!, reasonCode: QUOTA_EXCEEDED })
      return
    }
    upstream.packets.send({ ...packet, topic, properties }, wire.packets)
  }

  #pass(packet: IPublishPacket): void {
    const { wire, upstream } = this.parts
    const acknowledge = (): void => upstream.packets.send({ cmd: 'puback', messageId: packet.messageId!, reasonCode: 0 })
    if (!this.mayReceive(packet.topic)) {
      if (packet.qos === 1) acknowledge()
      return
    }
    if (packet.qos === 0) return wire.packets.send(packet, upstream.packets)
    wire.packets.send({ ...packet, messageId: this.#ids.take(acknowledge) }, upstream.packets)
  }

  #subscribe(packet: ISubscribePacket): void {
    const { wire, upstream, known, limits, events } = this.parts
    const screened = screen(packet, known.filters, this.#allows, limits)
    if ('reason' in screened) return this.#offend(screened.detail)
    const answer = (granted: readonly number[]): void => {
      const taken = screened.taken(granted)
      for (const [filter, qos] of taken) known.filters.set(filter, qos)
      const suback = screened.answer(granted)
      const codes = suback.granted as number[]
      // MQTT 3.1.1 knows one failure.
      wire.packets.send(wire.packets.version === 5 ? suback : { ...suback, granted: codes.map((code) => (code > 2 ? 0x80 : code)) })
      for (const [index, code] of codes.entries())
        if (code > 2) this.parts.log(`${this.clientId}: subscribing to ${packet.subscriptions[index]!.topic} refused with ${code}`)
      if (taken.length > 0)
        events.subscriptions(
          'subscribed',
          this.subject,
          taken.map(([filter]) => filter),
        )
    }
    if (screened.forward === undefined) return answer([])
    this.#pending.set(packet.messageId!, ({ granted }) => answer(granted as number[]))
    upstream.packets.send(screened.forward)
  }

  #unsubscribe({ messageId, unsubscriptions }: IUnsubscribePacket): void {
    const { wire, upstream, known, events } = this.parts
    this.#pending.set(messageId!, (answer) => {
      for (const filter of unsubscriptions) known.filters.delete(filter)
      wire.packets.send({ ...answer, cmd: 'unsuback', granted: answer.granted as number[] })
      events.subscriptions('unsubscribed', this.subject, unsubscriptions)
    })
    upstream.packets.send({ cmd: 'unsubscribe', messageId: messageId!, unsubscriptions })
  }

  #leave({ reasonCode = 0, properties }: IDisconnectPacket): void {
    const { limits } = this.parts
    const asked = properties?.sessionExpiryInterval
    const expiry = asked !== undefined && { properties: { sessionExpiryInterval: Math.min(asked, limits.sessionExpirySeconds) } }
    this.end('CLIENT_INITIATED_DISCONNECT', { goodbye: { reasonCode, ...expiry } })
  }

  #offend(detail: string): void {
    this.parts.log(`${this.clientId} ended: ${detail}`)
    this.end('CLIENT_ERROR')
  }
}

interface Ending {
  readonly will?: boolean
  /** The session goes, too. */
  readonly forget?: boolean
  /** What the client itself said, for the broker. */
  readonly goodbye?: Pick<IDisconnectPacket, 'reasonCode' | 'properties'>
}
