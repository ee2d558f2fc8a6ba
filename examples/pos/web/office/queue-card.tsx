import type { OfficeView } from '../../src/contracts/api.js'
import { useLabels } from '../shared/labels.js'

export function QueueCard({ view }: { readonly view: OfficeView }) {
  const labels = useLabels()
  const { queue, running } = view
  const counts = [
    [labels.jobsReady, String(queue.ready), 'ready'],
    [labels.jobsDelayed, String(queue.delayed), 'delayed'],
    [labels.jobsRunning, String(queue.inFlight), 'running'],
    [labels.jobsDead, String(queue.dead), 'dead'],
    [labels.jobsOldest, queue.ready === 0 ? '–' : labels.ago(queue.oldestAgeMs / 1_000), 'oldest'],
  ] as const
  return (
    <section class="cardbox" aria-label={labels.jobs}>
      <header>
        <h2>{labels.jobs}</h2>
      </header>
      <dl class="counts">
        {counts.map(([name, value, key]) => (
          <div key={key} class={key === 'dead' && queue.dead > 0 ? 'attention' : ''} data-queue={key}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <h3 class="muted small-text">{labels.runningHere}</h3>
      {running.length === 0 ? (
        <p class="muted small-text">{labels.noneRunning}</p>
      ) : (
        <ul class="list scroll">
          {running.map(({ id, name, subject, attempt }) => (
            <li key={id}>
              <span class="grow">
                <span class="row-title">{name}</span>
                <span class="row-note">
                  {subject} · {labels.attempt(attempt)}
                </span>
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
