/**
 * Just enough XML for S3's answers, which are flat, have no attributes that matter and no mixed content: the text of elements by
 * name. A general parser (fast-xml-parser) takes eight times as long for a page of 1,000 keys and is one more thing to load.
 */

/** The text of the first element `name`; undefined where there is none. */
export function textOf(xml: string, name: string): string | undefined {
  const inner = innerOf(xml, name)
  return inner === undefined ? undefined : unescape(inner)
}

/** What stands in each element `name`, in order. Elements of one name must not nest. */
export function* elements(xml: string, name: string): Generator<string, void> {
  const open = `<${name}>`
  const close = `</${name}>`
  for (let at = xml.indexOf(open); at >= 0; at = xml.indexOf(open, at)) {
    const from = at + open.length
    const to = xml.indexOf(close, from)
    if (to < 0) return
    yield xml.slice(from, to)
    at = to + close.length
  }
}

/** Text as it stands in an element. Control characters but tab, CR and LF cannot stand in XML at all: see {@link fitsXml}. */
export function escape(text: string): string {
  return text.replace(/[&<>\r\n\t"]/g, (char) => `&#${char.charCodeAt(0)};`)
}

/** Can this text be written in XML 1.0? */
export function fitsXml(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- these are what it is about
  return !/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text)
}

function innerOf(xml: string, name: string): string | undefined {
  const from = xml.indexOf(`<${name}>`)
  if (from < 0) return undefined
  const start = from + name.length + 2
  const to = xml.indexOf(`</${name}>`, start)
  return to < 0 ? undefined : xml.slice(start, to)
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function unescape(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return ENTITIES[name] ?? whole
    return String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16))
  })
}
