import type { DeviceRow } from '../../src/contracts/api.js'
import { Icon } from '../shared/icon.js'
import { locale, useLabels, useLanguage } from '../shared/labels.js'

export function DevicesCard({ devices }: { readonly devices: readonly DeviceRow[] }) {
  const labels = useLabels()
  const language = useLanguage()
  const clock = new Intl.DateTimeFormat(locale(language), { timeStyle: 'short' })
  return (
    <section class="cardbox" aria-label={labels.devices}>
      <header>
        <h2>{labels.devices}</h2>
      </header>
      {devices.length === 0 ? (
        <p class="empty">
          <Icon name="device" />
          {labels.noDevices}
        </p>
      ) : (
        <ul class="list scroll" tabIndex={0} aria-label={labels.devices}>
          {devices.map(({ device, state, since }) => (
            <li key={device} data-device={device}>
              <span class="grow">
                <span class="row-title">{device}</span>
                <span class="row-note">{labels.since(clock.format(new Date(since)))}</span>
              </span>
              <span class={`badge ${state === 'online' ? 'badge-good' : ''}`}>{labels[state]}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
