/** What must not be stored with a failed job, each with what stays of it. */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*:[^\s/@]+@/gi, '$1[secret]@'],
  [/\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}/gi, '$1 [secret]'],
  [
    /("?[\w-]*(?:passw(?:or)?d|senha|secret|token|api[-_]?key|access[-_]?key|authorization|cookie|signature|credential)[\w-]*"?\s*[=:]\s*)("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s,;&"'}\]]+)/gi,
    '$1[secret]',
  ],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, '[secret]'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+/g, '[secret]'],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '[secret]'],
]

/** Longest line kept of one error, in characters. */
const MAX_LINE = 1_000

/** An error's text without what looks like a secret (URL user info, tokens, `password=...`, keys), at most 1,000 characters. */
export function redact(line: string): string {
  const clean = SECRETS.reduce((text, [pattern, kept]) => text.replace(pattern, kept), line.slice(0, 4 * MAX_LINE))
  return clean.length <= MAX_LINE ? clean : `${clean.slice(0, MAX_LINE)}…`
}
