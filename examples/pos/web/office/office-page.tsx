import { useEffect } from 'preact/hooks'
import { formatCents } from '../../src/domain/money.js'
import type { OfficeView } from '../../src/contracts/api.js'
import { Icon } from '../shared/icon.js'
import { useLabels } from '../shared/labels.js'
import { Notices } from '../shared/notices.js'
import { PageHead } from '../shared/page-head.js'
import { useStore } from '../shared/store.js'
import { DeadJobs } from './dead-jobs.js'
import { DevicesCard } from './devices-card.js'
import { FilesCard } from './files-card.js'
import { ImportsCard } from './imports-card.js'
import { LatestSales } from './latest-sales.js'
import type { OfficeFeed } from './office-feed.js'
import { PortsCard } from './ports-card.js'
import { ProductsCard } from './products-card.js'
import { QueueCard } from './queue-card.js'
import { ReceiptLayoutCard } from './receipt-layout-card.js'
import { SalesCard } from './sales-card.js'

const links = {
  connecting: ['badge-warn', 'statusConnecting'],
  live: ['badge-good', 'live'],
  late: ['badge-warn', 'live'],
  lost: ['badge-bad', 'statusOffline'],
} as const

export function OfficePage({ feed }: { readonly feed: OfficeFeed }) {
  const labels = useLabels()
  const link = useStore(feed.store, (state) => state.link)
  const view = useStore(feed.store, (state) => state.view)
  useEffect(() => {
    document.title = `${labels.office} · PDVend`
  }, [labels])
  const [look, label] = links[link]
  return (
    <>
      <PageHead page="office">
        {view !== undefined && (
          <span class="muted small-text">
            {labels.profile} <strong>{view.profile}</strong>
          </span>
        )}
        <span class={`badge ${look}`} role="status" data-link={link}>
          {labels[label]}
        </span>
      </PageHead>
      <main class="office" id="content" tabIndex={-1}>
        <h1 class="sr-only">{labels.office}</h1>
        {(link === 'lost' || link === 'late') && (
          <p class={`alert notlive ${link === 'late' ? 'alert-warn' : ''}`} role="alert">
            <Icon name="warning" />
            {link === 'lost' ? labels.notLive : labels.trouble}
          </p>
        )}
        {view === undefined ? <p class="empty full">{labels.loading}</p> : <Cards feed={feed} view={view} />}
      </main>
      <Notices />
    </>
  )
}

function Cards({ feed, view }: { readonly feed: OfficeFeed; readonly view: OfficeView }) {
  const labels = useLabels()
  const today = view.sales?.today
  const average = today === undefined || today.sales === 0 ? 0 : Math.round(today.cents / today.sales)
  const online = view.devices.filter(({ state }) => state === 'online').length
  const figures = [
    [labels.salesToday, today === undefined ? '–' : String(today.sales), 'sales'],
    [labels.revenueToday, today === undefined ? '–' : formatCents(today.cents), 'revenue'],
    [labels.averageTicket, today === undefined ? '–' : formatCents(average), 'average'],
    [labels.tillsOnline, String(online), 'online'],
  ] as const
  return (
    <>
      <dl class="figures">
        {figures.map(([name, value, key]) => (
          <div class="figure" key={key} data-figure={key}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div class="column-main">
        <SalesCard sales={view.sales} />
        <DeadJobs dead={view.dead} />
        <ProductsCard feed={feed} />
        <div class="pair">
          <ImportsCard imports={view.imports} />
          <ReceiptLayoutCard />
        </div>
      </div>
      <div class="column-side">
        <QueueCard view={view} />
        <PortsCard ports={view.ports} ledger={view.ledger} />
        <DevicesCard devices={view.devices} />
        <LatestSales sales={view.sales} />
        <FilesCard folders={view.folders} />
      </div>
    </>
  )
}
