import type { SalesFigures } from '../../src/contracts/api.js'
import { formatCents } from '../../src/domain/money.js'
import { Icon } from '../shared/icon.js'
import { locale, useLabels, useLanguage } from '../shared/labels.js'

export function LatestSales({ sales }: { readonly sales: SalesFigures | null }) {
  const labels = useLabels()
  const language = useLanguage()
  const clock = new Intl.DateTimeFormat(locale(language), { timeStyle: 'medium' })
  const latest = sales?.latest ?? []
  return (
    <section class="cardbox" aria-label={labels.latestSales}>
      <header>
        <h2>{labels.latestSales}</h2>
      </header>
      {latest.length === 0 ? (
        <p class="empty">
          <Icon name="receipt" />
          {sales === null ? labels.noQuery : labels.noSales}
        </p>
      ) : (
        <ul class="list scroll" tabIndex={0} aria-label={labels.latestSales}>
          {latest.map(({ saleId, at, till, totalCents, method }) => (
            <li key={saleId}>
              <span class="grow">
                <span class="row-title">{till}</span>
                <span class="row-note">
                  {clock.format(new Date(at))} · {labels[method]}
                </span>
              </span>
              <strong>{formatCents(totalCents)}</strong>
              <a class="icon-button" href={`/api/receipts/${saleId}`} target="_blank" rel="noopener" aria-label={labels.receiptOf(saleId)}>
                <Icon name="receipt" />
              </a>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
