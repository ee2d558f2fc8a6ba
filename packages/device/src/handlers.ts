import { decodeEnvelope, type Envelope, errorText, type MessageDefinition, PortError, validate } from '@pdvend/ports/wire'

/** A message as its handler gets it, beside its body. */
export interface DeviceMessage {
  readonly id: string
  readonly name: string
  /** When the app sent it, the app's clock. */
  readonly time: Date
  readonly expiresAt: Date
  readonly headers: Readonly<Record<string, string>>
  /** 1 = first try. */
  readonly attempt: number
}

export type Handler = (body: never, message: DeviceMessage) => unknown

interface Registered {
  readonly definition: MessageDefinition
  readonly handler: Handler
  readonly invalid: ((error: PortError, body: unknown) => unknown) | undefined
}

/** Thrown where another try cannot help: the body does not fit, nobody handles the message. */
export class Hopeless extends Error {}

/** The handlers of one device, by message name; all handlers of a name run, in the order in which they were added. */
export class Handlers {
  readonly #registered = new Map<string, Set<Registered>>()

  add(entry: Registered): () => void {
    const { name } = entry.definition
    const entries = this.#registered.get(name) ?? new Set()
    entries.add(entry)
    this.#registered.set(name, entries)
    return () => {
      entries.delete(entry)
      if (entries.size === 0 && this.#registered.get(name) === entries) this.#registered.delete(name)
    }
  }

  /** @throws Hopeless | whatever a handler throws */
  async run(bytes: Uint8Array, expiresAt: number, attempt: number): Promise<void> {
    let envelope: Envelope
    try {
      envelope = decodeEnvelope(bytes)
    } catch (error) {
      throw new Hopeless(errorText(error))
    }
    const entries = this.#registered.get(envelope.type)
    if (entries === undefined) throw new Hopeless(`the device does not handle ${envelope.type}`)
    const { id, type: name, time, headers } = envelope
    const message: DeviceMessage = { id, name, time, expiresAt: new Date(expiresAt), headers, attempt }
    for (const { definition, handler, invalid } of [...entries]) {
      let body: unknown
      try {
        body = await validate(definition.body, envelope.data, `body of message ${name}`)
      } catch (error) {
        // [P11] A newer app sends what this release does not know: said to the handler, told to the app, never a crash.
        if (PortError.is(error)) await invalid?.(error, envelope.data)
        throw new Hopeless(errorText(error))
      }
      await handler(body as never, message)
    }
  }
}
