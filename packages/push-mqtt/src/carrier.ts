import { setMaxListeners } from 'node:events'
import { type Clock, type ClockTimer, type InboundHandlers, type Logger, orAborted, type Target } from '@pdvend/ports'
import type { Broker } from './broker.js'
import type { Connection } from './connection.js'
import { PresenceBook } from './presence.js'
import { fenceTopic, inboundFilters, parseTopic, presenceTopic, shared, topicOf } from './topics.js'

/** A handler that takes longer gets its message acknowledged all the same: the device sends again what was not settled. */
const ACKNOWLEDGE_WITHIN_MS = 500
/**
 * How often it is seen to that messages still come in, and how long one may take, in milliseconds: HiveMQ CE 2025.5, killed and
 * restarted on a loaded machine, now and then kept a connection whose subscriptions brought nothing (26 Nov 2026).
 */
const CHECK_EVERY_MS = 15_000
const CHECK_MS = 10_000

export interface CarrierParts {
  readonly broker: Broker
  readonly ns: string
  /** Names this connection among those of the namespace. */
  readonly instance: string
  readonly connection: Connection
  readonly clock: Clock
  readonly log: Logger
  /** A message on a topic that is none of push's own. */
  other(topic: string, bytes: Uint8Array): void
  /** A new connection is subscribed, and what was retained has come. */
  settle(signal: AbortSignal): Promise<void>
  /** Is the device connected, as the broker knows it? */
  judge?(device: string): Promise<boolean | undefined>
}

/**
 * One instance's end of push over MQTT, as it is on every broker: what devices send goes to its handlers, presence to its
 * book, and fences (messages to oneself) prove that what is sent comes in.
 */
export class Carrier {
  readonly presence: PresenceBook
  readonly #ended = new AbortController()
  readonly #fences = new Set<() => void>()
  #handlers: InboundHandlers | undefined
  #check: ClockTimer | undefined

  constructor(private readonly parts: CarrierParts) {
    const { connection, clock, log, ns, judge } = parts
    const { signal } = this.#ended
    // Whatever the carrier itself sends listens to it.
    setMaxListeners(0, signal)
    this.presence = new PresenceBook({
      clock,
      log,
      declare: (device, text) => connection.publish(presenceTopic(ns, device), text, { retain: true }, signal),
      tell: (device, frame) => connection.publish(topicOf(ns, device === undefined ? { all: true } : { device }), frame, {}, signal),
      ...(judge && { judge }),
    })
    connection.use(
      (topic, payload, retained) => this.#take(topic, payload, retained),
      () => void this.#settle(signal).catch(() => {}),
    )
  }

  /** Ends with {@link close}. */
  get signal(): AbortSignal {
    return this.#ended.signal
  }

  /** Subscribes to what is always heard, `filters` beside it. */
  async subscribe(filters: readonly string[], signal: AbortSignal): Promise<void> {
    const { ns, instance, connection } = this.parts
    const fence = fenceTopic(ns, instance)
    // Shared, so that it proves that sharing works.
    const own = connection.welcome.sharedSubscriptions ? shared(instance, fence) : fence
    await connection.subscribe([presenceTopic(ns, '+'), own, ...filters], signal)
  }

  /** Proves that messages pass, and goes on to see to it. @throws CONFIG_INVALID when none comes back in time */
  async start(withinMs: number, signal: AbortSignal): Promise<void> {
    const late = AbortSignal.timeout(withinMs)
    await this.#settle(AbortSignal.any([signal, late])).catch((error: unknown) => {
      throw late.aborted ? this.#noSharing() : error
    })
    this.#checkLater()
  }

  #noSharing(): Error {
    const { broker } = this.parts
    return broker.error(
      'CONFIG_INVALID',
      'open',
      `no message came back from the broker: it must know shared subscriptions ($share), and let the app use pdv/#: check ${broker.rules}`,
    )
  }

  /** Resolves when the broker has it. */
  send(to: Target, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    return this.parts.connection.publish(topicOf(this.parts.ns, to), bytes, {}, signal)
  }

  async receive(instance: string, handlers: InboundHandlers, signal: AbortSignal): Promise<void> {
    this.#handlers = handlers
    const { connection, ns } = this.parts
    await connection.subscribe(inboundFilters(ns, instance, connection.welcome.sharedSubscriptions), signal)
  }

  async ping(signal: AbortSignal): Promise<void> {
    const { broker, connection, ns, instance } = this.parts
    if (!connection.connected) throw broker.error('UNAVAILABLE', 'ping', `no connection to the broker of ${broker.address}`)
    await connection.publish(fenceTopic(ns, instance), '', {}, signal)
  }

  /** Listens to nothing more and disconnects once what waits has gone out. */
  async close(): Promise<void> {
    this.#check?.cancel()
    this.#check = undefined
    this.presence.close()
    await this.parts.connection.close()
    this.#ended.abort(this.parts.broker.error('CLOSED', undefined))
  }

  /** After each new connection: once what is retained has come, who is known as online is asked. */
  async #settle(signal: AbortSignal): Promise<void> {
    await this.#passFence(signal)
    await this.parts.settle(signal)
  }

  /** Sends a message to oneself, and waits for it. */
  async #passFence(signal: AbortSignal): Promise<void> {
    const { connection, ns, instance } = this.parts
    let pass = (): void => {}
    const passed = new Promise<void>((resolve) => (pass = resolve))
    this.#fences.add(pass)
    try {
      await connection.publish(fenceTopic(ns, instance), 'fence', {}, signal)
      await orAborted(passed, signal)
    } finally {
      this.#fences.delete(pass)
    }
  }

  #checkLater(): void {
    const { connection, clock, log } = this.parts
    const check = clock.timer(CHECK_EVERY_MS, () => {
      const { lost } = connection
      this.#passFence(AbortSignal.any([this.#ended.signal, AbortSignal.timeout(CHECK_MS)]))
        .catch(() => {
          if (this.#check !== check || !connection.connected || connection.lost !== lost) return
          log.warn({ port: 'push' }, 'the broker no longer brings what it takes: connecting anew')
          connection.drop()
        })
        .finally(() => this.#check === check && this.#checkLater())
    })
    this.#check = check
  }

  async #take(topic: string, bytes: Uint8Array, retained: boolean): Promise<void> {
    const parsed = parseTopic(this.parts.ns, topic)
    if (parsed === undefined) this.parts.other(topic, bytes)
    else if (parsed.kind === 'presence') this.presence.take(parsed.name, bytes, retained)
    else if (parsed.kind === 'fence') this.#fences.forEach((pass) => pass())
    else await this.#inbound(parsed.name, parsed.to!, bytes)
  }

  async #inbound(device: string, to: string, bytes: Uint8Array): Promise<void> {
    if (this.#handlers === undefined) return
    const handling = to === 'app' ? this.#handlers.shared({ device, bytes }) : this.#handlers.own({ device, bytes })
    let timer = { cancel: (): void => {} }
    const enough = new Promise<void>((resolve) => (timer = this.parts.clock.timer(ACKNOWLEDGE_WITHIN_MS, resolve)))
    await Promise.race([handling, enough])
    timer.cancel()
  }
}
