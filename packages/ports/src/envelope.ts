import { encodeCloudEvent } from './cloud-event.js'
import { currentContext, type RequestContext } from './context.js'
import { newId } from './id.js'
import { traceContext } from './observe.js'

export { decodeEnvelope, type Envelope } from './cloud-event.js'

export interface EnvelopeInput {
  readonly id?: string
  readonly type: string
  readonly source?: string
  readonly time?: Date
  readonly subject?: string
  /** Anything that JSON can hold, or a Uint8Array. */
  readonly data: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Default: the current one. */
  readonly context?: RequestContext
}

/**
 * Makes an envelope's bytes with the current context and trace.
 * @throws INVALID_ARGUMENT for data that JSON cannot hold (BigInt, cycle, nested too deep)
 */
export function encodeEnvelope(input: EnvelopeInput): Uint8Array {
  return encodeCloudEvent({
    ...input,
    id: input.id ?? newId(),
    source: input.source ?? '/pdvend',
    time: input.time ?? new Date(),
    context: input.context ?? currentContext(),
    trace: traceContext(),
  })
}
