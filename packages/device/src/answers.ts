import {
  type AnswerError,
  type Clock,
  decodeEnvelope,
  type DownFrame,
  encodeCloudEvent,
  type Envelope,
  errorText,
  type MessageDefinition,
  PortError,
  type UpFrame,
  validate,
} from '@pdvend/ports/wire'
import type { Memory } from './memory.js'

export type RequestHandler = (body: never, request: { readonly id: string; readonly method: string; readonly deadline: Date }) => unknown

interface Method {
  readonly definition: MessageDefinition | undefined
  readonly handler: RequestHandler
}

/** What a device can be asked for: one handler a method. */
export class Methods {
  readonly #methods = new Map<string, Method>()

  get(name: string): Method | undefined {
    return this.#methods.get(name)
  }

  /** @throws INVALID_ARGUMENT when the method already has a handler: one answer each */
  handle(method: string | MessageDefinition, handler: RequestHandler): () => void {
    const name = typeof method === 'string' ? method : method.name
    if (this.#methods.has(name))
      throw new PortError('INVALID_ARGUMENT', { operation: 'onRequest', detail: `method: ${JSON.stringify(name)} already has a handler` })
    const entry = { definition: typeof method === 'string' ? undefined : method, handler }
    this.#methods.set(name, entry)
    return () => {
      if (this.#methods.get(name) === entry) this.#methods.delete(name)
    }
  }
}

type Request = Extract<DownFrame, { kind: 'request' }>

interface Parts {
  readonly clock: Clock
  readonly memory: Memory
  readonly methods: Methods
  readonly device: () => string
  send(frame: UpFrame, instance: string): Promise<void>
  now(): number
}

/** [P45] Answers requests: each runs once; one that arrives again gets the same answer. */
export class Answers {
  readonly #running = new Set<string>()

  constructor(private readonly parts: Parts) {}

  async take(request: Request): Promise<void> {
    const { id, replyTo, expiresAt } = request
    const { memory } = this.parts
    if (this.#running.has(id) || this.parts.now() >= expiresAt) return
    let answer = memory.answers.get(id)
    if (answer === undefined) {
      this.#running.add(id)
      try {
        const { error, body } = await this.#run(request)
        answer = { expiresAt, frame: { kind: 'answer', id, ...(error && { error }) }, ...(body === undefined ? {} : { body }) }
        await memory.answered(id, answer, this.parts.now())
      } finally {
        this.#running.delete(id)
      }
    }
    const frame = { ...answer.frame, ...(answer.body === undefined ? {} : { body: new TextEncoder().encode(answer.body) }) } as UpFrame
    await this.parts.send(frame, replyTo)
  }

  async #run({ id, body: bytes, expiresAt }: Request): Promise<{ readonly error?: AnswerError; readonly body?: string }> {
    let envelope: Envelope
    try {
      envelope = decodeEnvelope(bytes)
    } catch (error) {
      return { error: { reason: 'invalid', message: errorText(error) } }
    }
    const found = this.parts.methods.get(envelope.type)
    if (found === undefined) return { error: { reason: 'unhandled', message: envelope.type } }
    let data = envelope.data
    try {
      if (found.definition !== undefined) data = await validate(found.definition.body, data, `body of request ${envelope.type}`)
    } catch (error) {
      return { error: { reason: 'invalid', message: errorText(error) } }
    }
    try {
      const result: unknown = await found.handler(data as never, { id, method: envelope.type, deadline: new Date(expiresAt) })
      const source = `/device/${this.parts.device()}`
      const answer = encodeCloudEvent({ id, type: envelope.type, source, time: new Date(this.parts.now()), data: result ?? null })
      return { body: new TextDecoder().decode(answer) }
    } catch (error) {
      return { error: { reason: 'failed', message: errorText(error) } }
    }
  }
}
