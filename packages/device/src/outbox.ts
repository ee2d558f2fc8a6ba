import {
  backoffMs,
  type Clock,
  type ClockTimer,
  type DownFrame,
  encodeCloudEvent,
  type MessageDefinition,
  newId,
  PortError,
  type UpFrame,
  validate,
} from '@pdvend/ports/wire'
import type { Memory, Unsent } from './memory.js'

/** How long the app has to settle a message before it is sent again, in milliseconds. */
const SETTLE_MS = 10_000
const RETRY = { maxAttempts: Infinity, firstMs: 500, maxMs: 30_000 }
const DEFAULT_TTL_MS = 86_400_000

interface Waiting {
  attempt: number
  timer: ClockTimer | undefined
  readonly resolve: () => void
  readonly reject: (error: PortError) => void
}

interface Parts {
  readonly clock: Clock
  readonly memory: Memory
  readonly random: () => number
  readonly device: () => string
  send(frame: UpFrame): Promise<void>
  /** The app's clock. */
  now(): number
}

/** What the device has to say to the app: kept in the store until the app's handler is done with it, so a restart loses nothing. */
export class Outbox {
  readonly #waiting = new Map<string, Waiting>()
  #online = false

  constructor(private readonly parts: Parts) {
    for (const id of parts.memory.unsent.keys())
      this.#waiting.set(id, { attempt: 0, timer: undefined, resolve: () => {}, reject: () => {} })
  }

  async send(message: MessageDefinition, body: unknown, options: { readonly id?: string; readonly ttlMs?: number }): Promise<void> {
    const { memory } = this.parts
    const now = this.parts.now()
    const id = options.id ?? newId()
    const data = await validate(message.body, body, `body of message ${message.name}`)
    const source = `/device/${this.parts.device()}`
    const envelope = encodeCloudEvent({ id, type: message.name, source, time: new Date(now), data })
    const unsent: Unsent = {
      id,
      expiresAt: now + (options.ttlMs ?? message.ttlMs ?? DEFAULT_TTL_MS),
      body: new TextDecoder().decode(envelope),
    }
    const settled = new Promise<void>((resolve, reject) => this.#waiting.set(id, { attempt: 0, timer: undefined, resolve, reject }))
    settled.catch(() => {})
    await memory.toSend(unsent)
    if (this.#online) this.#put(id)
    return settled
  }

  connected(): void {
    this.#online = true
    for (const id of this.#waiting.keys()) this.#put(id)
  }

  disconnected(): void {
    this.#online = false
    for (const waiting of this.#waiting.values()) waiting.timer?.cancel()
  }

  settled({ id, outcome, error }: Extract<DownFrame, { kind: 'settled' }>): void {
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) return
    waiting.timer?.cancel()
    if (outcome === 'retry')
      waiting.timer = this.parts.clock.timer(backoffMs(RETRY, waiting.attempt, this.parts.random), () => this.#put(id))
    else if (outcome === 'handled') this.#end(id, (ended) => ended.resolve())
    else
      this.#end(id, (ended) =>
        ended.reject(new PortError('INVALID_ARGUMENT', { operation: 'send', detail: `the app refused the message: ${error ?? ''}` })),
      )
  }

  close(): void {
    this.disconnected()
    for (const { reject } of this.#waiting.values())
      reject(
        new PortError('CLOSED', { operation: 'send', detail: 'the device is closed; what it had to send goes out when it connects again' }),
      )
  }

  #put(id: string): void {
    const waiting = this.#waiting.get(id)
    const unsent = this.parts.memory.unsent.get(id)
    if (!this.#online || waiting === undefined || unsent === undefined) return
    if (this.parts.now() >= unsent.expiresAt) {
      return this.#end(id, ({ reject }) =>
        reject(new PortError('DEADLINE_EXCEEDED', { operation: 'send', detail: 'its ttl is over', retryable: false })),
      )
    }
    waiting.attempt += 1
    waiting.timer?.cancel()
    waiting.timer = this.parts.clock.timer(SETTLE_MS, () => this.#put(id))
    const frame: UpFrame = { kind: 'message', id, expiresAt: unsent.expiresAt, body: new TextEncoder().encode(unsent.body) }
    // Offline or on the way there: sent again at the next connection.
    this.parts.send(frame).catch(() => {})
  }

  #end(id: string, tell: (waiting: Waiting) => void): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    waiting?.timer?.cancel()
    this.parts.memory.sent(id).then(
      () => waiting && tell(waiting),
      () => waiting && tell(waiting),
    )
  }
}
