import type { ProxiedRequest } from './types.js'

/** The fields of a form upload before its file, their names in lower case. */
export function formFields({ headers, body }: ProxiedRequest): ReadonlyMap<string, string> {
  const boundary = /boundary="?([^";]+)"?/.exec(headers['content-type'] ?? '')?.[1]
  const fields = new Map<string, string>()
  if (boundary === undefined || body === undefined) return fields
  // Latin 1 keeps every byte; the values are read as UTF-8 again below.
  for (const part of body.toString('latin1').split(`--${boundary}`).slice(1)) {
    const split = part.indexOf('\r\n\r\n')
    const head = part.slice(0, split)
    const name = /name="([^"]*)"/.exec(head)?.[1]
    if (split < 0 || name === undefined) continue
    if (/filename=/.test(head)) break
    fields.set(name.toLowerCase(), Buffer.from(part.slice(split + 4, -2), 'latin1').toString('utf8'))
  }
  return fields
}
