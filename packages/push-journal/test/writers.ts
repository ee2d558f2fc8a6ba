import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { PostgresJournalSettings } from '@pdvend/push-journal'

export interface Kept {
  readonly id: string
  readonly stream: string
  readonly sequence: number
  readonly previous: number
}

export interface WriterTask {
  readonly url: string
  readonly settings: PostgresJournalSettings
  readonly name: string
  readonly count: number
  readonly streams: readonly string[]
  /** Appends under way at a time. */
  readonly atOnce: number
}

/** A process that appends. */
export interface Writer {
  readonly process: ChildProcess
  /** What it was told is kept, so far. */
  readonly kept: readonly Kept[]
  /** Resolves when it has ended and all that it said is here; rejects when it failed. */
  done(): Promise<void>
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>
}

export function startWriter(task: WriterTask): Writer {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./children/writer.mjs', import.meta.url)), JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const kept: Kept[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const [id, stream, sequence, previous] of lines.map((line) => line.split(' ')))
      kept.push({ id: id!, stream: stream!, sequence: Number(sequence), previous: Number(previous) })
  })
  const closed = once(child, 'close') as Promise<[number | null]>
  return {
    process: child,
    kept,
    async done() {
      const [code] = await closed
      if (code !== 0) throw new Error(`the writer ended with ${code}`)
    },
    async kill() {
      child.kill('SIGKILL')
      await closed
    },
  }
}
