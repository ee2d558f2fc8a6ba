import { parse } from 'csv-parse/sync'
import { discard } from '@pdvend/ports'
import { fold } from '../domain/category.js'
import { columns, readOffer, type ProductOffer, type ProductRow } from '../domain/product.js'

export interface SupplierFile {
  /** The last line of each code wins. */
  readonly offers: readonly ProductOffer[]
  /** Lines that hold data. */
  readonly rows: number
  readonly problems: readonly { readonly line: number; readonly problem: string }[]
}

/**
 * Reads a supplier's CSV: UTF-8 or the Windows-1252 that Excel writes, columns parted by `;` or `,`, names in Portuguese
 * or English, any order. A line that cannot be read is reported and the rest is taken.
 * @throws a discard when the file is no CSV with the columns that a product needs
 */
export function readSupplierFile(bytes: Uint8Array): SupplierFile {
  const text = decode(bytes)
  const delimiter = text.slice(0, text.indexOf('\n') >>> 0).includes(';') ? ';' : ','
  let records: string[][]
  try {
    records = parse(text, { delimiter, bom: true, relax_column_count: true, skip_empty_lines: true, trim: true })
  } catch (error) {
    throw discard(`the file is not CSV: ${(error as Error).message}`)
  }
  const [header = [], ...lines] = records
  const places = columnPlaces(header)
  const offers = new Map<string, ProductOffer>()
  const problems: { line: number; problem: string }[] = []
  lines.forEach((cells, index) => {
    const row = Object.fromEntries(Object.entries(places).map(([column, place]) => [column, cells[place] ?? ''])) as ProductRow
    const read = readOffer(row)
    const line = index + 2
    if ('problems' in read) problems.push({ line, problem: read.problems.join('; ') })
    else if (offers.has(read.offer.ean))
      problems.push({ line, problem: `${read.offer.ean} stands in an earlier line, too; this one counts` })
    if ('offer' in read) offers.set(read.offer.ean, read.offer)
  })
  return { offers: [...offers.values()], rows: lines.length, problems }
}

function columnPlaces(header: readonly string[]): Record<keyof typeof columns, number> {
  const names = header.map(fold)
  const found = Object.entries(columns).map(
    ([column, aliases]) => [column, names.findIndex((name) => (aliases as readonly string[]).includes(name))] as const,
  )
  const missing = found.filter(([, place]) => place < 0).map(([column]) => columns[column as keyof typeof columns][0])
  if (missing.length > 0) throw discard(`the file lacks the columns ${missing.join(', ')}`)
  return Object.fromEntries(found) as Record<keyof typeof columns, number>
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}
