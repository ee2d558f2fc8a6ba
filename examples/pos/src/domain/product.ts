import { categoryNamed, type CategoryId } from './category.js'
import { isEan13 } from './ean13.js'
import { parseCents, type Cents } from './money.js'

/** `un` is sold by the piece, `kg` by weight. */
export type Unit = 'un' | 'kg'

/** Something the shop sells. */
export interface Product {
  readonly ean: string
  readonly name: string
  readonly brand: string
  readonly category: CategoryId
  readonly unit: Unit
  /** Price of one piece or one kilogram. */
  readonly cents: Cents
  /** Grows with each change, so that a late message about an earlier one is told apart. */
  readonly revision: number
  /** Key of the product's own picture; without one its department's picture stands in. */
  readonly picture?: string
}

/** The columns of a supplier's file, by Portuguese or English name. */
export const columns = {
  ean: ['codigo', 'ean', 'barcode'],
  name: ['nome', 'produto', 'name'],
  brand: ['marca', 'brand'],
  category: ['categoria', 'category'],
  unit: ['unidade', 'unit'],
  price: ['preco', 'price'],
} as const satisfies Record<string, readonly string[]>

export type ProductRow = Readonly<Record<keyof typeof columns, string>>

/** What a supplier's file says of one product. */
export type ProductOffer = Omit<Product, 'revision' | 'picture'>

const MAX_TEXT = 120

/** Reads one line of a supplier's file, or says everything that is wrong with it. */
export function readOffer(row: ProductRow): { readonly offer: ProductOffer } | { readonly problems: readonly string[] } {
  const [ean, name, brand, unit] = [row.ean.trim(), row.name.trim(), row.brand.trim(), row.unit.trim().toLowerCase()]
  const cents = parseCents(row.price)
  const problems: string[] = []
  if (!isEan13(ean)) problems.push(`"${ean.slice(0, 20)}" is not an EAN-13 with a right check digit`)
  if (name === '' || name.length > MAX_TEXT) problems.push(`the name must have 1 to ${MAX_TEXT} characters`)
  if (brand.length > MAX_TEXT) problems.push(`the brand must have at most ${MAX_TEXT} characters`)
  if (unit !== 'un' && unit !== 'kg') problems.push(`the unit "${unit.slice(0, 20)}" is neither un nor kg`)
  if (cents === undefined || cents === 0) problems.push(`"${row.price.slice(0, 20)}" is not a price such as 12,90`)
  if (problems.length > 0) return { problems }
  return { offer: { ean, name, brand, category: categoryNamed(row.category), unit: unit as Unit, cents: cents! } }
}

/** The product after an import: its own picture stays, and the revision grows only when something changed. */
export function withOffer(current: Product | undefined, offer: ProductOffer): Product {
  if (current === undefined) return { ...offer, revision: 1 }
  const fields = ['name', 'brand', 'category', 'unit', 'cents'] as const
  if (fields.every((field) => current[field] === offer[field])) return current
  return { ...current, ...offer, revision: current.revision + 1 }
}
