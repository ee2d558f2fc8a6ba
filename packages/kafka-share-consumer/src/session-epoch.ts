import { ShareError } from './errors.js'
import { codes, describeCode, isFatal } from './protocol/error-codes.js'

interface Answer {
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** The broker does not know the session in which this was sent: nothing of the request was applied. */
export class SessionReset extends Error {
  override readonly name = 'SessionReset'
}

const MAX_EPOCH = 0x7fffffff

/**
 * Numbers the requests of one member to one broker. There may be one on its way at a time: an acknowledgement that is handled while
 * a fetch waits at the broker makes the fetch's answer an error, and what it had acquired stays locked unseen (4.4.0).
 */
export class SessionEpoch {
  #next = 0
  #life = 0

  /** Opened by a fetch, not yet forgotten by either side. */
  get open(): boolean {
    return this.#next > 0
  }

  /** Grows each time a session ends. */
  get life(): number {
    return this.#life
  }

  /** The next request opens a new session. */
  reset(): void {
    this.#next = 0
    this.#life++
  }

  /** @throws SessionReset | ShareError REFUSED | UNAVAILABLE, or what `send` throws; after each of them the session is a new one */
  async exchange<Response extends Answer>(send: (epoch: number) => Promise<Response>): Promise<Response> {
    const life = this.#life
    const epoch = this.#next
    this.#next = epoch === MAX_EPOCH ? 1 : epoch + 1
    try {
      const answer = await send(epoch)
      if (answer.errorCode !== codes.NONE) throw refusal(answer)
      return answer
    } catch (error) {
      if (life === this.#life) this.reset()
      throw error
    }
  }
}

function refusal({ errorCode, errorMessage }: Answer): Error {
  const text = describeCode(errorCode, errorMessage)
  if (errorCode === codes.SHARE_SESSION_NOT_FOUND || errorCode === codes.INVALID_SHARE_SESSION_EPOCH) return new SessionReset(text)
  return new ShareError(isFatal(errorCode) ? 'REFUSED' : 'UNAVAILABLE', `the broker refuses: ${text}`)
}
