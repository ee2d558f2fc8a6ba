import type { MinuteOfSales, SalesFigures } from '../../src/contracts/api.js'
import { formatCents } from '../../src/domain/money.js'
import { paymentMethods } from '../../src/domain/payment.js'
import { locale, useLabels, useLanguage } from '../shared/labels.js'

export function SalesCard({ sales }: { readonly sales: SalesFigures | null }) {
  const labels = useLabels()
  return (
    <section class="cardbox" aria-label={labels.salesPerMinute}>
      <header>
        <h2>{labels.salesPerMinute}</h2>
        <span class="muted small-text">{labels.lastHour}</span>
      </header>
      {sales === null ? (
        <p class="empty">{labels.noQuery}</p>
      ) : (
        <>
          <Chart minutes={sales.minutes} />
          <dl class="payments" aria-label={labels.byPayment}>
            {paymentMethods.map((method) => (
              <div key={method}>
                <dt>{labels[method]}</dt>
                <dd>{formatCents(sales.today.byMethod[method])}</dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </section>
  )
}

const SIZE = { width: 800, height: 220, left: 34, right: 4, top: 10, bottom: 26 }

/** Bars drawn by hand: sixty rectangles need no library. A screen reader gets the sum and a table of the minutes that sold. */
function Chart({ minutes }: { readonly minutes: readonly MinuteOfSales[] }) {
  const labels = useLabels()
  const language = useLanguage()
  const clock = new Intl.DateTimeFormat(locale(language), { hour: '2-digit', minute: '2-digit' })
  const peak = Math.max(0, ...minutes.map(({ sales }) => sales))
  const top = niceTop(peak)
  const sold = minutes.filter(({ sales }) => sales > 0)
  const sum = minutes.reduce((total, { sales }) => total + sales, 0)
  const cents = minutes.reduce((total, minute) => total + minute.cents, 0)
  const step = (SIZE.width - SIZE.left - SIZE.right) / minutes.length
  const height = SIZE.height - SIZE.top - SIZE.bottom
  const y = (value: number): number => SIZE.top + height - (value / top) * height
  return (
    <figure>
      <svg
        class="chart"
        viewBox={`0 0 ${SIZE.width} ${SIZE.height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={labels.chartSummary(sum, formatCents(cents), peak)}
      >
        {[0, top / 2, top].map((value) => (
          <g key={value}>
            <line class="grid" x1={SIZE.left} x2={SIZE.width} y1={y(value)} y2={y(value)} />
            <text x={SIZE.left - 8} y={y(value) + 4} text-anchor="end">
              {value}
            </text>
          </g>
        ))}
        {minutes.map(({ minute, sales, cents: money }, at) => (
          <g key={minute}>
            {sales > 0 && (
              <rect
                class="bar"
                data-sales={sales}
                x={SIZE.left + at * step + 1}
                width={step - 2}
                y={y(sales)}
                height={y(0) - y(sales)}
                rx="2"
              >
                <title>{`${clock.format(minute)} · ${sales} · ${formatCents(money)}`}</title>
              </rect>
            )}
            {new Date(minute).getMinutes() % 10 === 0 && at > 1 && at < minutes.length - 2 && (
              <text x={SIZE.left + (at + 0.5) * step} y={SIZE.height - 8} text-anchor="middle">
                {clock.format(minute)}
              </text>
            )}
          </g>
        ))}
      </svg>
      <table class="sr-only">
        <caption>{labels.salesPerMinute}</caption>
        <thead>
          <tr>
            <th scope="col">{labels.minute}</th>
            <th scope="col">{labels.sales}</th>
            <th scope="col">{labels.revenue}</th>
          </tr>
        </thead>
        <tbody>
          {sold.map(({ minute, sales, cents: money }) => (
            <tr key={minute}>
              <td>{clock.format(minute)}</td>
              <td>{sales}</td>
              <td>{formatCents(money)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </figure>
  )
}

/** An even number above the peak that reads well. */
function niceTop(peak: number): number {
  for (let scale = 1; ; scale *= 10) for (const step of [4, 6, 10, 20]) if (peak <= step * scale) return step * scale
}
