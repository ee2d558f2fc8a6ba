import { keep, kept } from '../shared/keep.js'

export const TILL_NAME = /^till-[a-z0-9]+(-[a-z0-9]+)*$/
export const MAX_TILL_NAME = 40

/** Letters without look-alikes. */
const ALPHABET = 'abcdefghjkmnpqrstuvwxyz23456789'

function randomText(length: number): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(length)), (byte) => ALPHABET[byte % ALPHABET.length]).join('')
}

/** `?till=till-02` names this page only; else the browser's own name, made at the first visit. */
export function tillName(): string {
  const asked = new URLSearchParams(location.search).get('till')
  if (asked !== null && TILL_NAME.test(asked) && asked.length <= MAX_TILL_NAME) return asked
  const known = kept('till')
  if (known !== null && TILL_NAME.test(known)) return known
  const name = `till-${randomText(4)}`
  keep('till', name)
  return name
}

/** Begins with the time, so that sales sort by it: `20261123-150000-k3v9x2ab`. */
export function newSaleId(now = new Date()): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return `${time}-${randomText(10)}`
}
