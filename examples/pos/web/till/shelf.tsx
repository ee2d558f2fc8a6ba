import type { RefObject } from 'preact'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { categories, categoryIds, type CategoryId } from '../../src/domain/category.js'
import { formatCents } from '../../src/domain/money.js'
import type { Product } from '../../src/domain/product.js'
import { findProducts } from '../shared/find-products.js'
import { Icon } from '../shared/icon.js'
import { useLabels, useLanguage } from '../shared/labels.js'
import { ProductPicture } from '../shared/product-picture.js'
import { useStore } from '../shared/store.js'
import type { Till } from './till-store.js'

/** Drawn at first, and added when the end comes into sight. */
const PAGE = 60

export function Shelf(props: {
  readonly till: Till
  readonly search: RefObject<HTMLInputElement | null>
  readonly onChoose: (product: Product) => void
  readonly onScan: (code: string) => void
}) {
  const { till, search, onChoose, onScan } = props
  const labels = useLabels()
  const language = useLanguage()
  const products = useStore(till.store, (state) => state.products)
  const [query, setQuery] = useState('')
  const [category, setCategory] = useState<CategoryId | undefined>()
  const found = useMemo(() => findProducts(products, query, category), [products, query, category])
  const present = useMemo(() => new Set(products.map((product) => product.category)), [products])
  const forget = (): void => {
    setQuery('')
    search.current?.focus()
  }
  // Takes what the field holds, not what was drawn last: a scanner's Enter comes within the same frame.
  const enter = (typed: string): void => {
    const text = typed.trim()
    const [first] = text === '' ? [] : findProducts(products, text, category)
    if (/^\d{8,14}$/.test(text)) onScan(text)
    else if (first !== undefined) onChoose(first)
    else return
    setQuery('')
  }

  return (
    <section class="shelf" aria-label={labels.products}>
      <div class="shelf-tools">
        <div class="search" role="search">
          <Icon name="search" />
          <input
            ref={search}
            class="input"
            type="search"
            inputMode="search"
            autocomplete="off"
            spellcheck={false}
            aria-label={labels.searchProducts}
            placeholder={labels.searchProducts}
            title={labels.searchHint}
            value={query}
            onInput={(event) => setQuery((event.currentTarget as HTMLInputElement).value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter') enter((event.currentTarget as HTMLInputElement).value)
              if (event.key === 'Escape') forget()
            }}
          />
          {query !== '' && (
            <button type="button" class="icon-button" aria-label={labels.clearSearch} onClick={forget}>
              <Icon name="close" />
            </button>
          )}
        </div>
        <div class="chips" role="group" aria-label={labels.departments}>
          <button type="button" class="chip" aria-pressed={category === undefined} onClick={() => setCategory(undefined)}>
            {labels.allDepartments}
          </button>
          {categoryIds
            .filter((id) => present.has(id))
            .map((id) => (
              <button type="button" class="chip" key={id} aria-pressed={category === id} onClick={() => setCategory(id)}>
                {categories[id][language]}
              </button>
            ))}
        </div>
      </div>
      <p class="sr-only" aria-live="polite">
        {labels.productCount(found.length)}
      </p>
      <ProductGrid key={`${category ?? ''} ${query}`} till={till} products={found} onChoose={onChoose} />
    </section>
  )
}

function ProductGrid(props: { readonly till: Till; readonly products: readonly Product[]; readonly onChoose: (product: Product) => void }) {
  const { till, products, onChoose } = props
  const labels = useLabels()
  const pictures = useStore(till.store, (state) => state.pictures)
  const fresh = useStore(till.store, (state) => state.fresh)
  const catalogue = useStore(till.store, (state) => state.catalogue)
  const stocked = useStore(till.store, (state) => state.products.length > 0)
  const [shown, setShown] = useState(PAGE)
  const end = useRef<HTMLDivElement>(null)
  const frame = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const watcher = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) setShown((count) => count + PAGE)
      },
      { root: frame.current, rootMargin: '600px' },
    )
    if (end.current !== null) watcher.observe(end.current)
    return () => watcher.disconnect()
  }, [shown < products.length])

  const empty =
    catalogue === 'loading'
      ? [labels.loading, '']
      : catalogue === 'failed'
        ? [labels.catalogueFailed, labels.saleUnreachable]
        : stocked
          ? [labels.noProducts, labels.noProductsHint]
          : [labels.emptyShop, labels.emptyShopHint]
  return (
    <div class="products" ref={frame} tabIndex={-1}>
      {products.length === 0 ? (
        <div class="empty">
          <Icon name="search" />
          <strong>{empty[0]}</strong>
          <span>{empty[1]}</span>
        </div>
      ) : (
        <ul class="product-grid" onKeyDown={moveByArrows}>
          {products.slice(0, shown).map((product) => (
            <li key={product.ean}>
              <button
                type="button"
                class={`product ${fresh.has(product.ean) ? 'product-new' : ''}`}
                data-ean={product.ean}
                onClick={() => onChoose(product)}
              >
                <ProductPicture product={product} pictures={pictures} />
                <span class="product-text">
                  <span class="product-name">{product.name}</span>
                  <span class="product-brand">{product.brand}</span>
                  <span class="product-price">
                    {formatCents(product.cents)}
                    {product.unit === 'kg' && <small> {labels.perKg}</small>}
                  </span>
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <div ref={end} />
    </div>
  )
}

/** Arrow keys go from product to product, up and down by rows as they are drawn. */
function moveByArrows(event: KeyboardEvent): void {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 'up', ArrowDown: 'down' }[event.key]
  const current = (event.target as HTMLElement).closest<HTMLElement>('.product')
  if (step === undefined || current === null) return
  event.preventDefault()
  const tiles = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('.product')]
  const columns = tiles.filter((tile) => tile.offsetTop === tiles[0]!.offsetTop).length
  const by = step === 'up' ? -columns : step === 'down' ? columns : (step as number)
  tiles[tiles.indexOf(current) + by]?.focus()
}
