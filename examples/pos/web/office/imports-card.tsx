import { useState } from 'preact/hooks'
import type { ImportState } from '../../src/contracts/api.js'
import { api, Refused } from '../shared/api.js'
import { Icon } from '../shared/icon.js'
import { useLabels } from '../shared/labels.js'
import { notify } from '../shared/notices.js'

const looks = { waiting: '', running: 'badge-warn', done: 'badge-good', failed: 'badge-bad' } as const

export function ImportsCard({ imports }: { readonly imports: readonly ImportState[] }) {
  const labels = useLabels()
  const [busy, setBusy] = useState(false)
  const send = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return
    setBusy(true)
    try {
      await api.importCsv(file)
    } catch (error) {
      notify('bad', error instanceof Refused ? error.message : labels.failed)
    } finally {
      setBusy(false)
    }
  }
  return (
    <section class="cardbox" aria-label={labels.imports}>
      <header>
        <h2>{labels.imports}</h2>
      </header>
      <p class="muted small-text">{labels.importHint}</p>
      <span class="button file-pick">
        <Icon name="upload" />
        {labels.chooseFile}
        <input
          type="file"
          accept=".csv,text/csv"
          aria-label={labels.chooseFile}
          disabled={busy}
          onChange={(event) => {
            const input = event.currentTarget as HTMLInputElement
            void send(input.files?.[0]).finally(() => (input.value = ''))
          }}
        />
      </span>
      <ul class="list">
        {imports.map((each) => (
          <Import key={each.importId} state={each} />
        ))}
      </ul>
    </section>
  )
}

function Import({ state: { importId, fileName, state, rows, stored, report } }: { readonly state: ImportState }) {
  const labels = useLabels()
  return (
    <li data-import={importId}>
      <span class="grow">
        <span class="row-title">{fileName}</span>
        {report === undefined ? (
          state !== 'failed' && <progress aria-label={fileName} {...(rows === undefined ? {} : { value: stored ?? 0, max: rows })} />
        ) : (
          <span class="row-note">{labels.importDone(report.added, report.changed, report.refused)}</span>
        )}
        {report !== undefined && report.problems.length > 0 && (
          <details class="small-text">
            <summary>{labels.importProblems}</summary>
            <ul>
              {report.problems.map(({ line, problem }) => (
                <li key={line}>
                  {labels.line(line)}: {problem}
                </li>
              ))}
            </ul>
          </details>
        )}
      </span>
      <span class={`badge ${looks[state]}`}>{labels.importStates[state]}</span>
    </li>
  )
}
