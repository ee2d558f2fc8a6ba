import type { Clock, ClockTimer, PortError } from '@pdvend/ports'
import type { Broker } from './broker.js'
import type { MqttClient } from './client.js'

/** What waits for the broker at most, on its way included. */
const MAX_MESSAGES = 10_000
const MAX_BYTES = 32 * 1024 * 1024
/** Longest wait of a message whose caller sets no end, in milliseconds. */
const MAX_WAIT_MS = 30_000
/** Messages that may go out at once where there is a pace. */
const BURST = 10

interface Message {
  readonly topic: string
  readonly payload: Uint8Array | string
  readonly retain: boolean
  /** Grows from message to message: their order. */
  readonly number: number
  readonly since: number
  /** Its caller has given it up: it does not go out again. */
  abandoned: boolean
  settle(error?: unknown): void
}

/**
 * Messages to the broker in their order, at most so many unacknowledged as it takes, bounded in memory while it is away. What
 * was on its way when a connection was lost goes out again first: a device removes what comes twice.
 */
export class Outgoing {
  #waiting: Message[] = []
  #flying = new Set<Message>()
  #bytes = 0
  #number = 0
  #client: MqttClient | undefined
  #window = 1
  #sweep: ClockTimer | undefined
  #closed: PortError | undefined

  readonly #pace: Pace | undefined

  constructor(
    private readonly broker: Broker,
    private readonly clock: Clock,
    perSecond?: number,
  ) {
    this.#pace = perSecond === undefined ? undefined : new Pace(clock, perSecond)
  }

  /** Resolves when the broker has it. @throws UNAVAILABLE at the bound or without a broker in time | the signal's reason */
  publish(
    topic: string,
    payload: Uint8Array | string,
    { retain = false }: { readonly retain?: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    if (this.#waiting.length + this.#flying.size >= MAX_MESSAGES || this.#bytes + payload.length > MAX_BYTES)
      return Promise.reject(this.broker.error('UNAVAILABLE', 'send', 'too much waits for the broker: it is away or slow'))
    return new Promise((resolve, reject) => {
      const message: Message = {
        topic,
        payload,
        retain,
        number: ++this.#number,
        since: this.clock.now(),
        abandoned: false,
        settle: (error) => {
          signal.removeEventListener('abort', onAbort)
          if (error === undefined) resolve()
          else reject(error as Error)
        },
      }
      const onAbort = (): void => this.#abandon(message, signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      this.#bytes += payload.length
      this.#waiting.push(message)
      this.#pump()
    })
  }

  /** Messages that wait for their turn, those on their way not among them. */
  get waiting(): number {
    return this.#waiting.length
  }

  connected(client: MqttClient, window: number): void {
    this.#client = client
    this.#window = window
    this.#pump()
  }

  disconnected(): void {
    this.#client = undefined
    for (const { abandoned, payload } of this.#flying) if (abandoned) this.#bytes -= payload.length
    this.#waiting = [...[...this.#flying].filter(({ abandoned }) => !abandoned), ...this.#waiting]
    this.#flying = new Set()
    this.#watch()
  }

  /** Lets what waits go out, `withinMs` at most, and refuses the rest. */
  async close(withinMs: number): Promise<void> {
    const until = this.clock.now() + withinMs
    while (this.#client?.connected && this.#waiting.length + this.#flying.size > 0 && this.clock.now() < until)
      await new Promise<void>((resolve) => this.clock.timer(5, resolve))
    this.#closed ??= this.broker.error('CLOSED', 'send')
    this.#sweep?.cancel()
    this.#pace?.close()
    for (const message of [...this.#flying, ...this.#waiting]) message.settle(this.#closed)
    this.#waiting = []
    this.#flying.clear()
  }

  #pump(): void {
    const client = this.#client
    if (client === undefined || !client.connected) return this.#watch()
    while (this.#flying.size < this.#window && this.#waiting.length > 0) {
      if (this.#pace?.full(() => this.#pump())) return
      const message = this.#waiting.shift()!
      this.#flying.add(message)
      const { topic, payload, retain } = message
      client.publish(topic, payload as Buffer, { qos: 1, retain }, (error) => this.#answered(client, message, error ?? undefined))
    }
  }

  #answered(client: MqttClient, message: Message, error: Error | undefined): void {
    // Of a connection that was lost since: it goes out again on the next.
    if (client !== this.#client || (error !== undefined && !client.connected)) return
    if (!this.#flying.delete(message)) return
    const failed = error && this.broker.fail('send', error)
    if (failed?.code === 'RATE_LIMITED' && this.#pace !== undefined && !message.abandoned) this.#slowDown(message, this.#pace)
    else {
      this.#bytes -= message.payload.length
      message.settle(failed)
    }
    this.#pump()
  }

  /** Too fast by the broker's own count: it goes out again, before what came after it. */
  #slowDown(message: Message, pace: Pace): void {
    pace.rest()
    const next = this.#waiting.findIndex(({ number }) => number > message.number)
    this.#waiting.splice(next < 0 ? this.#waiting.length : next, 0, message)
  }

  #abandon(message: Message, reason: unknown): void {
    const index = this.#waiting.indexOf(message)
    if (index >= 0) {
      this.#waiting.splice(index, 1)
      this.#bytes -= message.payload.length
    }
    message.abandoned = true
    // What is on its way stays there until the broker answers: its place in the window is taken.
    message.settle(reason)
  }

  /** While the broker is away. */
  #watch(): void {
    if (this.#sweep !== undefined || this.#waiting.length === 0) return
    this.#sweep = this.clock.timer(MAX_WAIT_MS / 10, () => {
      this.#sweep = undefined
      const oldest = this.clock.now() - MAX_WAIT_MS
      const late = this.broker.error('UNAVAILABLE', 'send', 'the broker is out of reach')
      for (const message of this.#waiting.filter(({ since }) => since < oldest)) this.#abandon(message, late)
      if (this.#client === undefined) this.#watch()
    })
  }
}

/** So many messages a second, evenly: a burst that a slow network draws apart would run into the next one at the broker. */
class Pace {
  #left = BURST
  #at: number
  #turn: ClockTimer | undefined

  constructor(
    private readonly clock: Clock,
    private readonly perSecond: number,
  ) {
    this.#at = clock.now()
  }

  /** Takes a place, or is full and calls when the next one is free. */
  full(free: () => void): boolean {
    const now = this.clock.now()
    this.#left = Math.min(BURST, this.#left + ((now - this.#at) * this.perSecond) / 1_000)
    this.#at = now
    if (this.#left >= 1) {
      this.#left -= 1
      return false
    }
    this.#turn ??= this.clock.timer(Math.ceil(((1 - this.#left) * 1_000) / this.perSecond), () => {
      this.#turn = undefined
      free()
    })
    return true
  }

  /** Full for a second. */
  rest(): void {
    this.#left = 1 - this.perSecond
  }

  close(): void {
    this.#turn?.cancel()
  }
}
