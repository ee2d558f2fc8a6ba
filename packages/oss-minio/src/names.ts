import { hash } from 'node:crypto'

/**
 * How keys become names in the store.
 *
 * `plain`: a key is its own name unless it needs an escape: an empty segment (`a//b`, `/a`), one that begins with a dot, a space,
 * `!` or a control character, a dot after a backslash, a slash at the end, a segment of 200 bytes or more.
 * `escaped`: for stores that are folders at heart (no `a` beside `a/b`) or lose characters in listings: every name ends in `!`, so
 * that no blob is ever a folder's name, and spaces, `!` and control characters are escaped wherever they stand.
 */
export type NameScheme = 'plain' | 'escaped'

/** File systems under stores take 255 bytes a segment; this leaves room for the last character, an escape and {@link DIGEST}. */
const SEGMENT_BYTES = 200

/** Names above it are cut: S3 takes 1,024 bytes, and the end of a cut name needs 46. */
const NAME_BYTES = 957

/** What stands at the end of a cut name: `!~`, 43 characters of its key's SHA-256, `!`. */
const DIGEST = /!~[\w-]{43}!$/
const DIGEST_BYTES = 46

/** Sorts after every name that begins with what stands before it; it is in no name itself where names are listed. */
const LAST = '\u{10ffff}'

// oxlint-disable-next-line no-control-regex -- control characters are what is escaped
const ODD = /(?:^|\/)[\u0001-!./]|\\\.|\/$/
const LONG = /[^/]{67}/
// oxlint-disable-next-line no-control-regex -- the same
const LOW = /[\u0001-!]/g
const REPLACEMENT = /[\ufffd-\uffff]/g
// oxlint-disable-next-line no-control-regex -- the same
const ANYWHERE = /[\u0001-!\ufffd-\uffff]/

/** A folder that stands for a part of a long segment. */
export const INSIDE = Symbol('inside a segment')

/** A key's name in the store. */
export interface StoredName {
  readonly name: string
  /** The rest of a name that was cut; kept as metadata, so that a listing finds the key again. */
  readonly tail?: string
}

/**
 * The escaping, both ways. It keeps order and beginnings: `a < b` in UTF-8 bytes exactly when the name of `a` is below that of `b`,
 * and a key begins with a prefix exactly when its name begins with the prefix's. So the store's own listing, prefix, delimiter `/`
 * and start are those of the keys. Cut names are the exception: among keys that share their first 957 bytes the order must be made.
 *
 * Why it keeps order: `/` stays `/`, and is added only where the bytes before it decide it (after 200). At a segment's beginning
 * stand, in this order: `!` alone (the key ends here), `!01` to `!21` (control characters, space, `!`), all that needs no escape
 * and sorts below a dot, `.-` (a dot), `._` (an empty segment: the next character is `/`), and the rest.
 */
export class Names {
  readonly #everywhere: boolean

  constructor(readonly scheme: NameScheme) {
    this.#everywhere = scheme === 'escaped'
  }

  encode(key: string): StoredName {
    if (isPlain(key) && !(this.#everywhere && ANYWHERE.test(key))) return { name: this.#everywhere ? `${key}!` : key }
    const whole = this.#segments(key, true)
    const head = cut(whole)
    return head === whole ? { name: whole } : { name: `${head}!~${hash('sha256', key, 'base64url')}!`, tail: whole.slice(head.length) }
  }

  /** Every name of a key with this prefix begins with it; names of other keys may, too, where the prefix is very long. */
  prefix(prefix: string): string {
    return cut(this.#segments(prefix, false))
  }

  /** Every key after `start` has a name after it; others may, too, where `start` is very long. */
  after(start: string): string {
    const whole = this.#segments(start, true)
    return cut(whole)
  }

  /** After every name that begins with `beginning`. */
  past(beginning: string): string {
    return `${beginning}${LAST}`
  }

  /** After the names of all keys with this prefix, and before the next key's; undefined where the prefix is too long to tell. */
  pastPrefix(prefix: string): string | undefined {
    const whole = this.#segments(prefix, false)
    return cut(whole) === whole ? this.past(whole) : undefined
  }

  /** A cut name: its key is found with its tail alone. */
  isCut(name: string): boolean {
    return name.length > DIGEST_BYTES && DIGEST.test(name) && Buffer.byteLength(name) > NAME_BYTES
  }

  /** What cut names of keys with the same beginning share. */
  headOf(cutName: string): string {
    return cutName.slice(0, -DIGEST_BYTES)
  }

  /** The key of a name; undefined for a name that no key has. `tail`: of a cut name. */
  decode(name: string, tail?: string): string | undefined {
    const whole = tail === undefined ? name : this.headOf(name) + tail
    if (!this.#everywhere && isPlain(whole)) return whole
    const key = this.#text(whole)
    return key !== undefined && this.encode(key).name === name ? key : undefined
  }

  /** The prefix of keys that a common prefix of names, with its `/` at the end, stands for; {@link INSIDE}: its `/` is one of ours. */
  decodePrefix(name: string): string | typeof INSIDE | undefined {
    const at = name.lastIndexOf('/', name.length - 2)
    if (Buffer.byteLength(name) - Buffer.byteLength(name.slice(0, at + 1)) - 1 >= SEGMENT_BYTES) return INSIDE
    // A letter in the place of what comes next makes a key of it.
    const key = this.#text(`${name}x${this.#everywhere ? '!' : ''}`)
    return key === undefined || this.#segments(key.slice(0, -1), false) !== name ? undefined : key.slice(0, -1)
  }

  #segments(text: string, ends: boolean): string {
    const segments = text.split('/').flatMap((segment) => this.#divide(segment))
    const last = segments.length - 1
    const names = segments.map((segment, index) => (segment === '' && index < last ? '._' : segment))
    const end = ends && (this.#everywhere || segments[last] === '') ? '!' : ''
    return names.join('/') + end
  }

  /** One segment of a key as segments of its name, each but the last of at least {@link SEGMENT_BYTES}. */
  #divide(segment: string): string[] {
    if (segment.length * 3 < SEGMENT_BYTES) return [this.#escape(segment)]
    const parts: string[] = []
    let part = ''
    let bytes = 0
    let before = ''
    for (const char of segment) {
      const escaped = this.#escape(char, part === '', before === '\\')
      before = char
      part += escaped
      bytes += Buffer.byteLength(escaped)
      if (bytes < SEGMENT_BYTES) continue
      parts.push(part)
      part = ''
      bytes = 0
    }
    return [...parts, part]
  }

  #escape(text: string, begins = true, afterBackslash = false): string {
    if (text === '') return ''
    const head = (begins || afterBackslash ? text.replace(/^\./, '.-') : text).replaceAll('\\.', '\\.-')
    if (this.#everywhere) return head.replace(LOW, lowCode).replace(REPLACEMENT, (char) => `\ufffd${char.charCodeAt(0) - 0xfffd}`)
    return begins && head.charCodeAt(0) <= 0x21 ? lowCode(head) + head.slice(1) : head
  }

  #text(name: string): string | undefined {
    const segments = name.split('/')
    const last = segments.length - 1
    if (this.#everywhere || segments[last] === '!') {
      if (!name.endsWith('!')) return undefined
      segments[last] = segments[last]!.slice(0, -1)
    }
    let text = ''
    for (const [index, segment] of segments.entries()) {
      const part = segment === '._' ? '' : this.#unescape(segment)
      if (part === undefined) return undefined
      text += part
      if (index < last && Buffer.byteLength(segment) < SEGMENT_BYTES) text += '/'
    }
    return text
  }

  #unescape(segment: string): string | undefined {
    let text = segment.replaceAll('\\.-', '\\.')
    if (this.#everywhere) text = text.replace(/\ufffd([0-2])/g, (_, code: string) => String.fromCharCode(0xfffd + Number(code)))
    if (text.startsWith('.')) return text.startsWith('.-') ? `.${this.#lows(text.slice(2))}` : undefined
    return this.#everywhere ? this.#lows(text) : text.replace(/^!([0-2][0-9a-f])/, lowChar)
  }

  #lows(text: string): string {
    return this.#everywhere ? text.replace(/!([0-2][0-9a-f])/g, lowChar) : text
  }
}

/** Surely its own name; three bytes a unit is the most that UTF-8 takes. */
function isPlain(key: string): boolean {
  return key.length * 3 <= NAME_BYTES && !ODD.test(key) && (key.length * 3 < SEGMENT_BYTES || !LONG.test(key))
}

/** UTF-8 byte order, which is not JavaScript's where characters beyond U+FFFF meet those from U+E000. */
export function compareBytes(one: string, other: string): number {
  const length = Math.min(one.length, other.length)
  for (let at = 0; at < length; at++) {
    const a = one.charCodeAt(at)
    const b = other.charCodeAt(at)
    if (a === b) continue
    return rank(a) - rank(b)
  }
  return one.length - other.length
}

/** Surrogates, that is characters beyond U+FFFF, sort after all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

function lowCode(text: string): string {
  return `!${text.charCodeAt(0).toString(16).padStart(2, '0')}`
}

function lowChar(_: string, code: string): string {
  return String.fromCharCode(Number.parseInt(code, 16))
}

/** The longest beginning of at most {@link NAME_BYTES} that ends between two characters. */
function cut(name: string): string {
  if (name.length * 3 <= NAME_BYTES) return name
  const bytes = Buffer.from(name)
  if (bytes.byteLength <= NAME_BYTES) return name
  let end = NAME_BYTES
  while ((bytes[end]! & 0xc0) === 0x80) end--
  return bytes.subarray(0, end).toString('utf8')
}
