import { useMemo, useState } from 'preact/hooks'
import { formatCents, parseCents } from '../../src/domain/money.js'
import type { Product } from '../../src/domain/product.js'
import { api } from '../shared/api.js'
import { findProducts } from '../shared/find-products.js'
import { Icon } from '../shared/icon.js'
import { useLabels } from '../shared/labels.js'
import { notify } from '../shared/notices.js'
import { ProductPicture } from '../shared/product-picture.js'
import { useStore } from '../shared/store.js'
import type { OfficeFeed } from './office-feed.js'
import { smallerPicture } from './smaller-picture.js'

const SHOWN = 30

export function ProductsCard({ feed }: { readonly feed: OfficeFeed }) {
  const labels = useLabels()
  const catalogue = useStore(feed.store, (state) => state.catalogue)
  const [query, setQuery] = useState('')
  const found = useMemo(() => findProducts(catalogue?.products ?? [], query), [catalogue, query])
  return (
    <section class="cardbox" aria-label={labels.productsCard}>
      <header>
        <h2>{labels.productsCard}</h2>
        <span class="muted small-text">{labels.productCount(found.length)}</span>
      </header>
      <input
        class="input"
        type="search"
        autocomplete="off"
        aria-label={labels.findProduct}
        placeholder={labels.findProduct}
        value={query}
        onInput={(event) => setQuery((event.currentTarget as HTMLInputElement).value)}
      />
      <ul class="list scroll">
        {found.slice(0, SHOWN).map((product) => (
          <Row key={product.ean} feed={feed} product={product} pictures={catalogue?.pictures ?? {}} />
        ))}
      </ul>
      {catalogue !== undefined && found.length === 0 && <p class="empty">{labels.noProducts}</p>}
    </section>
  )
}

function Row(props: { readonly feed: OfficeFeed; readonly product: Product; readonly pictures: Readonly<Record<string, string>> }) {
  const { feed, product, pictures } = props
  const labels = useLabels()
  const [text, setText] = useState<string | undefined>()
  const [wrong, setWrong] = useState(false)
  const [busy, setBusy] = useState(false)
  const { ean, name, brand, cents } = product

  const act = async (work: () => Promise<Product>, done: string): Promise<boolean> => {
    setBusy(true)
    try {
      feed.take(await work())
      notify('good', done)
      return true
    } catch {
      notify('bad', labels.failed)
      return false
    } finally {
      setBusy(false)
    }
  }
  const savePrice = async (): Promise<void> => {
    const next = parseCents(text ?? '')
    setWrong(next === undefined || next === 0)
    if (next === undefined || next === 0) return notify('bad', labels.priceWrong)
    if (await act(() => api.changePrice(ean, next), labels.priceSaved(name))) setText(undefined)
  }
  const upload = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return
    const picture = await smallerPicture(file)
    if (picture === undefined) return notify('bad', labels.pictureWrong)
    await act(() => api.uploadPicture(ean, picture), labels.pictureSaved(name))
    await feed.loadCatalogue()
  }

  return (
    <li data-ean={ean} aria-busy={busy}>
      <ProductPicture class="thumb" product={product} pictures={pictures} />
      <span class="grow">
        <span class="row-title">{name}</span>
        <span class="row-note">
          {brand} · {ean}
        </span>
      </span>
      <form
        class="price-form"
        onSubmit={(event) => {
          event.preventDefault()
          void savePrice()
        }}
      >
        <input
          class="input"
          inputMode="decimal"
          autocomplete="off"
          aria-label={labels.newPrice(name)}
          aria-invalid={wrong}
          title={wrong ? labels.priceWrong : undefined}
          value={text ?? formatCents(cents).replace('R$ ', '')}
          onInput={(event) => setText((event.currentTarget as HTMLInputElement).value)}
        />
        <button type="submit" class="button button-small" disabled={busy || text === undefined}>
          {labels.save}
        </button>
      </form>
      <span class="icon-button file-pick">
        <Icon name="camera" />
        <input
          type="file"
          accept="image/png,image/jpeg,image/webp"
          aria-label={labels.pictureOf(name)}
          disabled={busy}
          onChange={(event) => {
            const input = event.currentTarget as HTMLInputElement
            void upload(input.files?.[0]).finally(() => (input.value = ''))
          }}
        />
      </span>
    </li>
  )
}
