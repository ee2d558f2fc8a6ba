import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { basketTotal } from '../../src/domain/basket.js'
import { formatCents, parseCents } from '../../src/domain/money.js'
import { changeFor, likelyCash, paymentMethods, type Payment, type PaymentMethod } from '../../src/domain/payment.js'
import { Dialog } from '../shared/dialog.js'
import { Icon } from '../shared/icon.js'
import { useLabels } from '../shared/labels.js'
import { useStore } from '../shared/store.js'
import type { Till } from './till-store.js'

/** From payment to receipt. While a sale has no answer, closing and opening again shows the same sale. */
export function PaymentDialog({ till, onClose }: { readonly till: Till; readonly onClose: () => void }) {
  const labels = useLabels()
  const sale = useStore(till.store, (state) => state.sale)
  const pending = useStore(till.store, (state) => state.pending)
  if (sale.step === 'done') return <SaleDone till={till} sale={sale} onClose={onClose} />
  return (
    <Dialog title={labels.payment} onClose={pending === undefined ? onClose : () => undefined}>
      {sale.step === 'sending' ? (
        <p class="empty" role="status">
          {labels.selling}
        </p>
      ) : pending !== undefined ? (
        <Unconfirmed till={till} />
      ) : (
        <PaymentForm till={till} refused={sale.step === 'refused' ? sale.why : undefined} />
      )}
    </Dialog>
  )
}

function Unconfirmed({ till }: { readonly till: Till }) {
  const labels = useLabels()
  return (
    <div class="dialog-body">
      <div class="alert" role="alert">
        <Icon name="warning" />
        <div>
          <p>
            <strong>{labels.saleUnreachable}</strong> {labels.pendingSale}
          </p>
          <p>{labels.saleKept}</p>
        </div>
      </div>
      <button type="button" class="button button-main button-big" onClick={() => void till.retry()}>
        <Icon name="redo" />
        {labels.retry}
      </button>
    </div>
  )
}

function PaymentForm({ till, refused }: { readonly till: Till; readonly refused: string | undefined }) {
  const labels = useLabels()
  const basket = useStore(till.store, (state) => state.basket)
  const total = basketTotal(basket)
  const [asTold] = useState(total)
  const [method, setMethod] = useState<PaymentMethod>('cash')
  const [text, setText] = useState('')
  const [asked, setAsked] = useState(false)
  const id = useId()
  const received = parseCents(text)
  const payment: Payment = method === 'cash' ? { method, receivedCents: received ?? 0 } : { method }
  const change = changeFor(total, payment)
  const problem =
    received === undefined ? labels.receivedWrong : change === undefined ? labels.notEnough(formatCents(total - received)) : ''

  return (
    <form
      class="dialog-body"
      onSubmit={(event) => {
        event.preventDefault()
        setAsked(true)
        if (change !== undefined && (method !== 'cash' || received !== undefined)) void till.pay(payment)
      }}
    >
      {refused !== undefined ? (
        <div class="alert alert-warn" role="alert">
          <Icon name="warning" />
          <p>
            <strong>{labels.saleRefused}.</strong> {refused}
          </p>
        </div>
      ) : (
        total !== asTold && (
          <div class="alert alert-warn" role="alert">
            <Icon name="warning" />
            <p>{labels.pricesMoved}</p>
          </div>
        )
      )}
      <div class="pay-total">
        <span>{labels.total}</span>
        <strong>{formatCents(total)}</strong>
      </div>
      <div class="segmented" role="group" aria-label={labels.payment}>
        {paymentMethods.map((each) => (
          <button type="button" key={each} aria-pressed={method === each} onClick={() => setMethod(each)}>
            <Icon name={each} />
            {labels[each]}
          </button>
        ))}
      </div>
      {method === 'cash' ? (
        <>
          <div class="field">
            <label for={id}>{labels.received}</label>
            <input
              class="input input-big"
              id={id}
              inputMode="decimal"
              autocomplete="off"
              autofocus
              placeholder="0,00"
              value={text}
              aria-invalid={asked && problem !== ''}
              aria-describedby={`${id}-error`}
              onInput={(event) => setText((event.currentTarget as HTMLInputElement).value)}
            />
            <span id={`${id}-error`} class="field-error" aria-live="polite">
              {asked || (received !== undefined && received > 0) ? problem : ''}
            </span>
          </div>
          <div class="quick-cash">
            {likelyCash(total).map((cents) => (
              <button type="button" class="button button-small" key={cents} onClick={() => setText(formatCents(cents).replace('R$ ', ''))}>
                {formatCents(cents)}
              </button>
            ))}
          </div>
          {change !== undefined && received !== undefined && (
            <div class="pay-total pay-total-change" role="status">
              <span>{labels.change}</span>
              <strong>{formatCents(change)}</strong>
            </div>
          )}
        </>
      ) : (
        <p class="muted">{method === 'card' ? labels.cardHint : labels.pixHint}</p>
      )}
      <button type="submit" class="button button-main button-big" disabled={basket.length === 0}>
        {labels.confirmSale}
      </button>
    </form>
  )
}

function SaleDone(props: {
  readonly till: Till
  readonly sale: { readonly saleId: string; readonly totalCents: number; readonly changeCents: number }
  readonly onClose: () => void
}) {
  const { till, sale, onClose } = props
  const labels = useLabels()
  const ready = useStore(till.store, (state) => state.receipts.some(({ saleId }) => saleId === sale.saleId))
  const next = useRef<HTMLButtonElement>(null)
  useEffect(() => next.current?.focus(), [])
  return (
    <Dialog title={labels.saleDone} onClose={onClose}>
      <div class="done" data-sale={sale.saleId}>
        <span class="done-mark">
          <Icon name="check" />
        </span>
        <p class="muted small-text">
          {labels.saleNumber} {sale.saleId}
        </p>
        <div class="pay-total">
          <span>{labels.total}</span>
          <strong>{formatCents(sale.totalCents)}</strong>
        </div>
        {sale.changeCents > 0 && (
          <div class="pay-total pay-total-change">
            <span>{labels.change}</span>
            <strong>{formatCents(sale.changeCents)}</strong>
          </div>
        )}
        {ready ? (
          <a class="button" href={`/api/receipts/${sale.saleId}`} target="_blank" rel="noopener">
            <Icon name="receipt" />
            {labels.openReceipt}
          </a>
        ) : (
          <p class="muted" role="status">
            {labels.receiptWaiting}
          </p>
        )}
        <button type="button" class="button button-main button-big" ref={next} onClick={onClose}>
          {labels.newSale}
        </button>
      </div>
    </Dialog>
  )
}
