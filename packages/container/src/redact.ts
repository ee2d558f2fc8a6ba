import { inspect } from 'node:util'
import { causeChain, PortError } from '@pdvend/ports'

/** Takes secrets out of texts and errors that a human will read. */
export interface Redactor {
  text(text: string): string
  /** The same error when it shows no secret; else a copy without it, its causes as one line of text. */
  error(error: PortError): PortError
}

/** Shorter values would blank out innocent words, and protect nothing. */
const MIN_SECRET_LENGTH = 4

/** Knows each secret as it stands, URL-encoded and in base64: vendors' errors quote addresses and headers. */
export function redactor(secrets: Iterable<string>): Redactor {
  const forms = new Set<string>()
  for (const secret of secrets) {
    if (secret.length < MIN_SECRET_LENGTH) continue
    const base64 = Buffer.from(secret).toString('base64')
    for (const form of [secret, encoded(secret), JSON.stringify(secret).slice(1, -1), base64, base64.replace(/=+$/, '')]) forms.add(form)
  }
  const longestFirst = [...forms].sort((a, b) => b.length - a.length)
  const text = (dirty: string): string => longestFirst.reduce((clean, form) => clean.replaceAll(form, '[secret]'), dirty)
  return {
    text,
    error(error) {
      const shown = `${inspect(error, { depth: 8 })} ${JSON.stringify(error)}`
      if (text(shown) === shown) return error
      const { code, retryable, outcome, adapter, operation, attempts } = error
      const cause = error.cause === undefined ? undefined : new Error(text(causeChain(error.cause).join(' <- ')))
      return new PortError(code, {
        ...{ retryable, outcome, adapter, operation, attempts, cause },
        ...(error.detail === undefined ? {} : { detail: text(error.detail) }),
        ...(error.target === undefined ? {} : { target: text(error.target) }),
      })
    },
  }
}

/** Hides the user and the password of addresses: `postgres://user:pass@host` becomes `postgres://[secret]@host`. */
export function maskAddresses(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"]*@/gi, '$1[secret]@')
}

/** `encodeURIComponent`, also of texts with lone surrogates, which it refuses. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}
