import { setMaxListeners } from 'node:events'
import { type Clock, sleep } from '../clock.js'
import { withContext } from '../context.js'
import type { MessageDefinition } from '../define.js'
import { decodeEnvelope, type Envelope } from '../envelope.js'
import { invalid, PortError } from '../errors.js'
import type { Logger } from '../log.js'
import { inTrace } from '../observe.js'
import { backoffMs } from '../retry.js'
import { validate } from '../schema.js'
import type { DriverInbound, PushDriver } from './driver.js'
import type { PushJournal } from './journal.js'
import { MAX_TTL_MS } from './message.js'
import type { Receipts } from './receipts.js'
import type { Requests } from './requests.js'
import { decodeUp, encodeFrame, errorText, type DownFrame, type UpFrame } from './wire.js'

/** A message from a device, as its handler gets it. */
export interface InboundMessage {
  readonly id: string
  readonly name: string
  /** Who sent it, proved by the engine. */
  readonly device: string
  /** The device's clock. */
  readonly time: Date
  readonly headers: Readonly<Record<string, string>>
}

export type InboundHandler = (body: never, message: InboundMessage) => unknown

/** One page of a replay. */
const PAGE_ENTRIES = 100
const PAGE_BYTES = 256 * 1024
/** Shortest time that a handled id is kept, in milliseconds. */
const MIN_REMEMBER_MS = 60_000
/** Handled ids that are kept where there is no journal to keep them. */
const REMEMBERED = 10_000
/** How long what devices have done is offered to a journal that is away: some ten minutes. */
const KEEP_TRYING = { maxAttempts: 120, firstMs: 200, maxMs: 10_000 }

type FromDevice<Kind extends UpFrame['kind']> = Extract<UpFrame, { kind: Kind }>

/** What devices say: receipts and answers for this instance; syncs, acknowledgements and messages for any instance. */
export class Inbound {
  readonly #handlers = new Map<string, { readonly definition: MessageDefinition; readonly handler: InboundHandler }>()
  readonly #running = new Map<string, Promise<void>>()
  readonly #handled = new Set<string>()
  /** Answers that are on their way, one a device. */
  readonly #answering = new Map<string, AbortController>()
  #refused = 0

  constructor(
    private readonly driver: PushDriver,
    private readonly journal: PushJournal | undefined,
    private readonly receipts: Receipts,
    private readonly requests: Requests,
    private readonly clock: Clock,
    private readonly log: Logger,
    private readonly signal: AbortSignal,
  ) {}

  get refused(): number {
    return this.#refused
  }

  /** @throws INVALID_ARGUMENT when the message already has a handler: two would each take a share */
  handle(definition: MessageDefinition, handler: InboundHandler): () => void {
    if (this.#handlers.has(definition.name))
      throw invalid('message', definition.name, 'it already has a handler: close that subscription first')
    const entry = { definition, handler }
    this.#handlers.set(definition.name, entry)
    return () => {
      if (this.#handlers.get(definition.name) === entry) this.#handlers.delete(definition.name)
    }
  }

  /** Resolves when the handlers that run now are done. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running.values())
  }

  readonly own = async ({ device, bytes }: DriverInbound): Promise<void> => {
    const frame = this.#read(device, bytes)
    if (frame?.kind === 'receipt') this.receipts.take(device, frame.id, frame)
    else if (frame?.kind === 'answer') this.requests.take(device, frame)
    else if (frame !== undefined) await this.#shared(device, frame)
  }

  readonly shared = async ({ device, bytes }: DriverInbound): Promise<void> => {
    const frame = this.#read(device, bytes)
    if (frame !== undefined) await this.#shared(device, frame)
  }

  async #shared(device: string, frame: UpFrame): Promise<void> {
    try {
      if (frame.kind === 'sync') await this.#sync(device, frame)
      else if (frame.kind === 'ack') await this.#acknowledge(device, frame)
      else if (frame.kind === 'message') await this.#message(device, frame)
    } catch (error) {
      // The device asks again: what was not done now is done then.
      this.log.warn({ port: 'push', device, kind: frame.kind, error: errorText(error) }, 'a device was not answered')
    }
  }

  #read(device: string, bytes: Uint8Array): UpFrame | undefined {
    try {
      return decodeUp(bytes)
    } catch (error) {
      this.#refused += 1
      this.log.warn({ port: 'push', device, bytes: bytes.byteLength, error: errorText(error) }, 'a device sent what is not a push frame')
      return undefined
    }
  }

  /** A device that asks again wants no former answer: what of it still waits for the engine is not sent. */
  async #sync(device: string, frame: FromDevice<'sync'>): Promise<void> {
    this.#answering.get(device)?.abort(new Error('asked again'))
    const latest = new AbortController()
    this.#answering.set(device, latest)
    const signal = AbortSignal.any([this.signal, latest.signal])
    // Every part listens to it.
    setMaxListeners(0, signal)
    try {
      await this.#answerSync(device, frame, signal)
    } catch (error) {
      if (!latest.signal.aborted) throw error
    } finally {
      if (this.#answering.get(device) === latest) this.#answering.delete(device)
    }
  }

  async #answerSync(device: string, { sync, journal: asked, cursors }: FromDevice<'sync'>, signal: AbortSignal): Promise<void> {
    const { journal } = this
    const now = this.clock.now()
    if (journal === undefined) {
      const nothing = { journal: 'none', parts: 0, cursors: {}, more: false, lost: [] } as const
      return this.#answer(device, { kind: 'synced', sync, ...nothing, sentAt: now }, signal)
    }
    const request = { cursors: asked === undefined || asked === journal.id ? cursors : {}, maxEntries: PAGE_ENTRIES, maxBytes: PAGE_BYTES }
    const page = await journal.replay(device, request, now, { signal })
    const sending = page.entries.map(({ id, stream, sequence, previous, expiresAt, receiptTo, bytes: body }, part) => {
      const place = { journal: journal.id, stream, sequence, previous }
      const receipt = receiptTo === undefined ? {} : { receiptTo }
      return this.#answer(device, { kind: 'message', id, place, expiresAt, sentAt: now, ...receipt, sync, part, body }, signal)
    })
    const { cursors: reached, more, lost } = page
    sending.push(
      this.#answer(
        device,
        { kind: 'synced', sync, journal: journal.id, parts: page.entries.length, cursors: reached, more, lost, sentAt: now },
        signal,
      ),
    )
    await Promise.all(sending)
  }

  async #acknowledge(device: string, { journal: of, cursors, outcomes }: FromDevice<'ack'>): Promise<void> {
    const { journal } = this
    if (journal === undefined || journal.id !== of) return
    await this.#persist(() => journal.acknowledge(device, cursors, outcomes, this.clock.now(), { signal: this.signal }))
  }

  async #message(device: string, frame: FromDevice<'message'>): Promise<void> {
    const key = `${device}/${frame.id}`
    // Sent again while its handler still runs: the end of that run answers it.
    if (this.#running.has(key)) return
    const running = this.#handleMessage(device, frame).finally(() => this.#running.delete(key))
    this.#running.set(key, running)
    await running
  }

  async #handleMessage(device: string, { id, expiresAt, body }: FromDevice<'message'>): Promise<void> {
    const settled = (outcome: 'handled' | 'retry' | 'refused', error?: string): Promise<void> =>
      this.#answer(device, { kind: 'settled', id, outcome, ...(error === undefined ? {} : { error }), sentAt: this.clock.now() })
    let envelope: Envelope
    try {
      envelope = decodeEnvelope(body)
    } catch (error) {
      this.#refused += 1
      return settled('refused', errorText(error))
    }
    const found = this.#handlers.get(envelope.type)
    // Another instance may have the handler, or will once it is upgraded.
    if (found === undefined) return settled('retry', `this app does not handle ${envelope.type}`)
    if (await this.#wasHandled(device, id)) return settled('handled')
    let data: unknown
    try {
      data = await validate(found.definition.body, envelope.data, `body of message ${envelope.type}`)
    } catch (error) {
      this.#refused += 1
      return settled('refused', errorText(error))
    }
    const message: InboundMessage = { id, name: envelope.type, device, time: envelope.time, headers: envelope.headers }
    try {
      await inTrace(envelope, () => withContext(envelope.context ?? {}, () => found.handler(data as never, message)))
    } catch (error) {
      this.log.warn({ port: 'push', device, message: envelope.type, id, error: errorText(error) }, 'a handler of a device message failed')
      return settled('retry', errorText(error))
    }
    await this.#remember(device, id, expiresAt)
    return settled('handled')
  }

  async #wasHandled(device: string, id: string): Promise<boolean> {
    if (this.#handled.has(`${device}/${id}`)) return true
    return this.journal !== undefined && !(await this.journal.settle(device, id, 0, { signal: this.signal }))
  }

  async #remember(device: string, id: string, expiresAt: number): Promise<void> {
    this.#handled.add(`${device}/${id}`)
    if (this.#handled.size > REMEMBERED) this.#handled.delete(this.#handled.values().next().value!)
    const { journal } = this
    if (journal) await this.#persist(() => journal.settle(device, id, this.#forgetAt(expiresAt), { signal: this.signal }))
  }

  /** The device has done it and will not say so again: a journal that is away for a while learns it when it is back. */
  async #persist(work: () => Promise<unknown>): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await work()
        return
      } catch (error) {
        if (!PortError.is(error) || !error.retryable || attempt === KEEP_TRYING.maxAttempts) throw error
        await sleep(this.clock, backoffMs(KEEP_TRYING, attempt), this.signal)
      }
    }
  }

  /** As long as the device may send it again; its own word for that is bounded. */
  #forgetAt(expiresAt: number): number {
    const now = this.clock.now()
    return Math.round(Math.min(Math.max(expiresAt, now + MIN_REMEMBER_MS), now + MAX_TTL_MS))
  }

  async #answer(device: string, frame: DownFrame, signal = this.signal): Promise<void> {
    await this.driver.send({ device }, encodeFrame(frame), { signal })
  }
}

/** A refusal for callers that are cut off by close. */
export function closedError(adapter: string): PortError {
  return new PortError('CLOSED', { adapter, detail: 'the port is closed' })
}
