import type { OfficeView, PortRow } from '../../src/contracts/api.js'
import { useLabels } from '../shared/labels.js'

const looks = { up: 'badge-good', degraded: 'badge-warn', down: 'badge-bad' } as const

export function PortsCard({ ports, ledger }: { readonly ports: readonly PortRow[]; readonly ledger: OfficeView['ledger'] }) {
  const labels = useLabels()
  const counts = (['emitted', 'accepted', 'pending', 'dead', 'dropped'] as const).map((name) => [name, ledger[name]] as const)
  return (
    <section class="cardbox" aria-label={labels.ports}>
      <header>
        <h2>{labels.ports}</h2>
      </header>
      <ul class="list">
        {ports.map(({ port, adapter, state, latencyMs, lastError }) => (
          <li key={port} data-port={port}>
            <span class="grow">
              <span class="row-title">{labels.portNames[port] ?? port}</span>
              <span class="row-note">
                {adapter} · {latencyMs} ms
                {lastError === undefined ? '' : ` · ${lastError}`}
              </span>
            </span>
            <span class={`badge ${looks[state]}`}>{labels[state]}</span>
          </li>
        ))}
      </ul>
      <h3 class="muted small-text">{labels.ledger}</h3>
      <dl class="counts">
        {counts.map(([name, count]) => (
          <div key={name} class={(name === 'dead' || name === 'dropped') && count > 0 ? 'attention' : ''}>
            <dt>{labels[name]}</dt>
            <dd>{count}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
