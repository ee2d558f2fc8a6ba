import { basketTotal, lineTotal, type BasketLine } from '../../src/domain/basket.js'
import { formatCents } from '../../src/domain/money.js'
import type { Product } from '../../src/domain/product.js'
import { formatQuantity } from '../../src/domain/receipt.js'
import { Icon } from '../shared/icon.js'
import { useLabels } from '../shared/labels.js'
import { useStore } from '../shared/store.js'
import type { Till } from './till-store.js'

const SHOWN_RECEIPTS = 3

export function BasketPanel(props: { readonly till: Till; readonly onPay: () => void; readonly onWeigh: (product: Product) => void }) {
  const { till, onPay, onWeigh } = props
  const labels = useLabels()
  const basket = useStore(till.store, (state) => state.basket)
  return (
    <section class="basket" aria-label={labels.basket}>
      <header class="basket-head">
        <h2>{labels.basket}</h2>
        {basket.length > 0 && (
          <>
            <span class="muted small-text">{labels.itemCount(basket.length)}</span>
            <button type="button" class="button button-small" onClick={() => till.clear()}>
              {labels.clearBasket}
            </button>
          </>
        )}
      </header>
      <div class="basket-lines" tabIndex={-1}>
        {basket.length === 0 ? (
          <div class="empty">
            <Icon name="basket" />
            <strong>{labels.basketEmpty}</strong>
            <span>{labels.basketEmptyHint}</span>
          </div>
        ) : (
          <ul>
            {basket.map((line) => (
              <Line key={line.ean} till={till} line={line} onWeigh={onWeigh} />
            ))}
          </ul>
        )}
      </div>
      <footer class="basket-foot">
        <div class="basket-total">
          <span>{labels.total}</span>
          <strong data-total>{formatCents(basketTotal(basket))}</strong>
        </div>
        <button type="button" class="button button-main button-big" disabled={basket.length === 0} onClick={onPay}>
          {labels.pay}
        </button>
      </footer>
      <Receipts till={till} />
    </section>
  )
}

function Line({ till, line, onWeigh }: { readonly till: Till; readonly line: BasketLine; readonly onWeigh: (product: Product) => void }) {
  const labels = useLabels()
  const { ean, name, unit, cents, quantity } = line
  const product = till.store.state.byEan.get(ean)
  return (
    <li class="basket-line" data-ean={ean}>
      <span class="basket-line-name">{name}</span>
      <span class="basket-line-sum">{formatCents(lineTotal(line))}</span>
      <span class="basket-line-price">
        {formatCents(cents)}
        {unit === 'kg' ? ` ${labels.perKg}` : ''}
      </span>
      <span class="stepper">
        {unit === 'kg' ? (
          <button type="button" class="stepper-weight" aria-label={labels.changeWeight(name)} onClick={() => product && onWeigh(product)}>
            {formatQuantity(quantity, unit)}
          </button>
        ) : (
          <>
            <button
              type="button"
              class="icon-button"
              aria-label={labels.less(name)}
              onClick={() => till.setQuantity(ean, quantity - 1_000)}
            >
              <Icon name="minus" />
            </button>
            <span class="stepper-value">{formatQuantity(quantity, unit)}</span>
            <button
              type="button"
              class="icon-button"
              aria-label={labels.more(name)}
              onClick={() => till.setQuantity(ean, quantity + 1_000)}
            >
              <Icon name="plus" />
            </button>
          </>
        )}
        <button type="button" class="icon-button" aria-label={labels.remove(name)} onClick={() => till.setQuantity(ean, 0)}>
          <Icon name="trash" />
        </button>
      </span>
    </li>
  )
}

function Receipts({ till }: { readonly till: Till }) {
  const labels = useLabels()
  const receipts = useStore(till.store, (state) => state.receipts)
  return (
    <section class="receipts" aria-label={labels.receipts}>
      <h3>{labels.receipts}</h3>
      {receipts.length === 0 ? (
        <p class="muted small-text">{labels.noReceipts}</p>
      ) : (
        <ul>
          {receipts.slice(0, SHOWN_RECEIPTS).map(({ saleId, totalCents }) => (
            <li key={saleId}>
              <a href={`/api/receipts/${saleId}`} target="_blank" rel="noopener" aria-label={labels.receiptOf(saleId)}>
                <Icon name="receipt" />
                <span>{saleId.slice(-10)}</span>
                {formatCents(totalCents)}
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
