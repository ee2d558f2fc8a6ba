import { PortError } from '../errors.js'
import { decodeEnvelope } from '../envelope.js'
import type { AnswerError } from './wire.js'

interface Pending {
  readonly device: string
  resolve(value: unknown): void
  reject(error: PortError): void
}

/** Requests of this instance that wait for their device's answer [P44]. */
export class Requests {
  readonly #pending = new Map<string, Pending>()
  #late = 0

  /** Answers that came after their request was given up [P43]. */
  get late(): number {
    return this.#late
  }

  expect(device: string, id: string): { readonly answer: Promise<unknown>; cancel(): void } {
    const answer = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { device, resolve, reject }))
    answer.catch(() => {})
    return { answer, cancel: () => this.#pending.delete(id) }
  }

  /** Only the device that was asked can answer: another's answer counts as late. */
  take(device: string, answer: { readonly id: string; readonly error?: AnswerError; readonly body?: Uint8Array }): void {
    const pending = this.#pending.get(answer.id)
    if (pending === undefined || pending.device !== device) {
      this.#late += 1
      return
    }
    this.#pending.delete(answer.id)
    if (answer.error !== undefined) return pending.reject(refusal(answer.error))
    try {
      pending.resolve(answer.body === undefined ? undefined : decodeEnvelope(answer.body).data)
    } catch (error) {
      pending.reject(PortError.is(error) ? error : new PortError('INTERNAL', { cause: error }))
    }
  }

  close(error: PortError): void {
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
  }
}

function refusal({ reason, message }: AnswerError): PortError {
  if (reason === 'unhandled')
    return new PortError('UNSUPPORTED', { detail: `the device has no handler: ${message}`, outcome: 'not-applied' })
  if (reason === 'invalid') return new PortError('INVALID_ARGUMENT', { detail: `the device refused the body: ${message}` })
  return new PortError('INTERNAL', { detail: `the device's handler failed: ${message}`, retryable: false })
}
