import { fold } from '../../src/domain/category.js'
import type { Product } from '../../src/domain/product.js'

const folded = new WeakMap<Product, string>()

function textOf(product: Product): string {
  let text = folded.get(product)
  if (text === undefined) {
    text = `${fold(`${product.name} ${product.brand}`)} ${product.ean}`
    folded.set(product, text)
  }
  return text
}

/** Products that have every word of `query`, accents and case aside, in any order; all for an empty one. */
export function findProducts(products: readonly Product[], query: string, category?: string): readonly Product[] {
  const words = fold(query).split(/\s+/).filter(Boolean)
  return products.filter(
    (product) => (category === undefined || product.category === category) && words.every((word) => textOf(product).includes(word)),
  )
}
