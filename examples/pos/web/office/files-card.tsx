import { useEffect, useState } from 'preact/hooks'
import type { FilesPage, FolderRow } from '../../src/contracts/api.js'
import { api } from '../shared/api.js'
import { locale, labels as now, useLabels, useLanguage } from '../shared/labels.js'
import { notify } from '../shared/notices.js'
import { formatBytes } from './bytes.js'

export function FilesCard({ folders }: { readonly folders: readonly FolderRow[] }) {
  const labels = useLabels()
  const [open, setOpen] = useState<string | undefined>()
  return (
    <section class="cardbox" aria-label={labels.files}>
      <header>
        <h2>{labels.files}</h2>
        {open !== undefined && (
          <button type="button" class="link-button" onClick={() => setOpen(undefined)}>
            {labels.allFolders}
          </button>
        )}
      </header>
      {open === undefined ? <Folders folders={folders} onOpen={setOpen} /> : <Files key={open} folder={open} />}
    </section>
  )
}

function Folders({ folders, onOpen }: { readonly folders: readonly FolderRow[]; readonly onOpen: (folder: string) => void }) {
  const labels = useLabels()
  const at = locale(useLanguage())
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{labels.folder}</th>
          <th scope="col" class="number">
            {labels.fileCount}
          </th>
          <th scope="col" class="number">
            {labels.size}
          </th>
        </tr>
      </thead>
      <tbody>
        {folders.map(({ folder, files, bytes, more }) => (
          <tr key={folder}>
            <td>
              <button type="button" class="link-button" onClick={() => onOpen(folder)}>
                {folder}
              </button>
            </td>
            <td class="number">
              {files.toLocaleString(at)}
              {more ? '+' : ''}
            </td>
            <td class="number">{formatBytes(bytes, at)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Files({ folder }: { readonly folder: string }) {
  const labels = useLabels()
  const language = useLanguage()
  const clock = new Intl.DateTimeFormat(locale(language), { dateStyle: 'short', timeStyle: 'short' })
  const [page, setPage] = useState<FilesPage | undefined>()
  const [busy, setBusy] = useState(false)
  const load = (startAfter?: string): void => {
    setBusy(true)
    api
      .files(folder, startAfter)
      .then(
        (next) => setPage((before) => ({ ...next, files: [...(before?.files ?? []), ...next.files] })),
        () => notify('bad', now().failed),
      )
      .finally(() => setBusy(false))
  }
  useEffect(() => load(), [folder])
  if (page === undefined) return <p class="empty">{labels.loading}</p>
  const { files, next } = page
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label={`${labels.files} ${folder}`}>
      <ul class="list">
        {files.map(({ key, sizeBytes, modifiedAt }) => (
          <li key={key}>
            <span class="grow">
              <span class="row-title" title={key}>
                {key.slice(folder.length)}
              </span>
              <span class="row-note">{clock.format(new Date(modifiedAt))}</span>
            </span>
            <span class="small-text">{formatBytes(sizeBytes, locale(language))}</span>
          </li>
        ))}
      </ul>
      {files.length === 0 && <p class="muted">{labels.noFiles}</p>}
      {next !== undefined && (
        <button type="button" class="button button-small" disabled={busy} onClick={() => load(next)}>
          {labels.nextPage}
        </button>
      )}
    </div>
  )
}
