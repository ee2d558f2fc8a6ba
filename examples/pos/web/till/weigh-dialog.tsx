import { useId, useState } from 'preact/hooks'
import { isQuantity, lineTotal } from '../../src/domain/basket.js'
import { formatCents } from '../../src/domain/money.js'
import type { Product } from '../../src/domain/product.js'
import { Dialog } from '../shared/dialog.js'
import { useLabels } from '../shared/labels.js'
import { useStore } from '../shared/store.js'
import type { Till } from './till-store.js'

/** `0,350` and `0.350` are 350 g. */
function readGrams(text: string): number {
  return /^\d{1,3}([.,]\d{1,3})?$/.test(text.trim()) ? Math.round(Number(text.trim().replace(',', '.')) * 1_000) : Number.NaN
}

/** Stands in for the scale. */
export function WeighDialog(props: { readonly till: Till; readonly product: Product; readonly onClose: () => void }) {
  const { till, onClose } = props
  const labels = useLabels()
  const product = useStore(till.store, (state) => state.byEan.get(props.product.ean) ?? props.product)
  const line = till.store.state.basket.find(({ ean }) => ean === product.ean)
  const [text, setText] = useState(((line?.quantity ?? 1_000) / 1_000).toFixed(3).replace('.', ','))
  const [wrong, setWrong] = useState(false)
  const id = useId()
  const grams = readGrams(text)
  const good = isQuantity(grams, 'kg')
  return (
    <Dialog title={labels.weighTitle(product.name)} onClose={onClose}>
      <form
        class="dialog-body"
        onSubmit={(event) => {
          event.preventDefault()
          if (!good) return setWrong(true)
          if (line === undefined) till.add(product, grams)
          else till.setQuantity(product.ean, grams)
          onClose()
        }}
      >
        <div class="field">
          <label for={id}>{labels.weigh}</label>
          <input
            class="input input-big"
            id={id}
            inputMode="decimal"
            autocomplete="off"
            autofocus
            value={text}
            aria-invalid={wrong && !good}
            aria-describedby={`${id}-error`}
            onFocus={(event) => (event.currentTarget as HTMLInputElement).select()}
            onInput={(event) => setText((event.currentTarget as HTMLInputElement).value)}
          />
          <span id={`${id}-error`} class="field-error" aria-live="polite">
            {wrong && !good ? labels.weighWrong : ''}
          </span>
        </div>
        <div class="pay-total">
          <span>
            {formatCents(product.cents)} {labels.perKg}
          </span>
          <strong>{good ? formatCents(lineTotal({ cents: product.cents, quantity: grams })) : '–'}</strong>
        </div>
        <button type="submit" class="button button-main button-big">
          {line === undefined ? labels.addToBasket : labels.save}
        </button>
      </form>
    </Dialog>
  )
}
