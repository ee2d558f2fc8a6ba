import { useState } from 'preact/hooks'
import type { DeadJobRow } from '../../src/contracts/api.js'
import { api } from '../shared/api.js'
import { Dialog } from '../shared/dialog.js'
import { Icon } from '../shared/icon.js'
import { labels as now, locale, useLabels, useLanguage } from '../shared/labels.js'
import { notify } from '../shared/notices.js'

async function redrive(ids: readonly string[]): Promise<void> {
  try {
    const { redriven } = await api.redrive(ids)
    notify('good', now().redriven(redriven))
  } catch {
    notify('bad', now().failed)
  }
}

async function discard(ids: readonly string[]): Promise<void> {
  try {
    const { discarded } = await api.discard(ids)
    notify('good', now().discarded(discarded))
  } catch {
    notify('bad', now().failed)
  }
}

export function DeadJobs({ dead }: { readonly dead: readonly DeadJobRow[] }) {
  const labels = useLabels()
  const language = useLanguage()
  const clock = new Intl.DateTimeFormat(locale(language), { dateStyle: 'short', timeStyle: 'short' })
  const [discarding, setDiscarding] = useState<DeadJobRow | undefined>()
  return (
    <section class="cardbox" aria-label={labels.deadJobs}>
      <header>
        <h2>{labels.deadJobs}</h2>
        {dead.length > 1 && (
          <button type="button" class="button button-small" onClick={() => void redrive(dead.map(({ id }) => id))}>
            <Icon name="redo" />
            {labels.redriveAll}
          </button>
        )}
      </header>
      {dead.length === 0 ? (
        <p class="all-well">
          <Icon name="check" />
          {labels.noDead}
        </p>
      ) : (
        <ul class="list scroll" tabIndex={0} aria-label={labels.deadJobs}>
          {dead.map((job) => (
            <li key={job.id} data-dead={job.subject}>
              <span class="grow">
                <span class="row-title">
                  {job.name} {job.subject}
                </span>
                <span class="row-note">
                  {job.error} · {labels.attempt(job.attempts)} · {clock.format(new Date(job.diedAt))}
                </span>
              </span>
              <button
                type="button"
                class="button button-small"
                aria-label={labels.redriveOf(`${job.name} ${job.subject}`)}
                onClick={() => void redrive([job.id])}
              >
                {labels.redrive}
              </button>
              <button
                type="button"
                class="icon-button"
                aria-label={labels.discardOf(`${job.name} ${job.subject}`)}
                onClick={() => setDiscarding(job)}
              >
                <Icon name="trash" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {discarding !== undefined && (
        <Dialog title={labels.discardSure} onClose={() => setDiscarding(undefined)}>
          <div class="dialog-body">
            <p>
              {discarding.name} {discarding.subject}
            </p>
            <div class="dialog-actions">
              <button type="button" class="button" onClick={() => setDiscarding(undefined)}>
                {labels.cancel}
              </button>
              <button
                type="button"
                class="button button-bad"
                onClick={() => {
                  void discard([discarding.id])
                  setDiscarding(undefined)
                }}
              >
                {labels.discard}
              </button>
            </div>
          </div>
        </Dialog>
      )}
    </section>
  )
}
