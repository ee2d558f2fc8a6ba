import type { Cursors, DeviceReceipt, JournalEntry, ReplayRequest, WireOutcome } from '@pdvend/ports'

const HOUR_MS = 3_600_000

interface Kept extends JournalEntry {
  readonly sequence: number
  readonly previous: number
  readonly keptAt: number
  isState: boolean
}

interface Outcome extends DeviceReceipt {
  readonly forgetAt: number
}

/** The journal as plain lists, slow and short: what a real one must never contradict. Sequences are 1, 2, 3. */
export class ModelJournal {
  #entries: Kept[] = []
  #outcomes: Outcome[] = []
  #settled: { readonly key: string; readonly forgetAt: number }[] = []
  readonly #heads = new Map<string, number>()
  readonly #floors = new Map<string, number>()
  readonly #cursors = new Map<string, Map<string, number>>()
  #last = 0

  constructor(
    private readonly maxQueued: number,
    private readonly overflow: 'dropOldest' | 'refuse',
  ) {}

  append(entry: JournalEntry, now: number): { sequence: number; previous: number; known: boolean } | 'full' {
    const { stream, id, name, replaceKey } = entry
    const line = this.#entries.filter((each) => each.stream === stream)
    const known = line.find((each) => each.id === id)
    if (known) return { sequence: known.sequence, previous: known.previous, known: true }
    const replaced = line.filter((each) => replaceKey !== undefined && each.name === name && each.replaceKey === replaceKey)
    const isFull = line.length - replaced.length >= this.maxQueued
    if (isFull && this.overflow === 'refuse') return 'full'
    this.#end(replaced, 'replaced', now)
    if (entry.retain) for (const each of line) if (each.name === name && each.replaceKey === replaceKey) each.isState = false
    const left = line.filter((each) => !replaced.includes(each))
    const oldest = left.find((each) => !each.isState) ?? left[0]
    if (isFull && oldest) {
      this.#floors.set(stream, Math.max(this.#floors.get(stream) ?? 0, oldest.sequence))
      this.#end([oldest], 'dropped', now)
    }
    const kept = { ...entry, sequence: ++this.#last, previous: this.#heads.get(stream) ?? 0, keptAt: now, isState: entry.retain }
    this.#entries.push(kept)
    this.#heads.set(stream, kept.sequence)
    return { sequence: kept.sequence, previous: kept.previous, known: false }
  }

  replay(device: string, { cursors, maxEntries, maxBytes }: ReplayRequest, now: number) {
    if (!this.#cursors.has(device)) this.enroll(device, undefined)
    const reach = [...this.#cursors.get(device)!].map(([stream, done]) => {
      const head = this.#heads.get(stream) ?? 0
      return { stream, head, fresh: cursors[stream] === undefined, start: Math.max(done, Math.min(cursors[stream] ?? 0, head)) }
    })
    const live = this.#entries.filter(({ expiresAt }) => expiresAt > now)
    const retained = live.filter((each) =>
      reach.some((r) => r.fresh && r.stream === each.stream && each.isState && each.sequence <= r.start),
    )
    const later = live.filter((each) => reach.some((r) => r.stream === each.stream && each.sequence > r.start))
    let bytes = 0
    const end = later.findIndex((each, at) => at === maxEntries || ((bytes += each.bytes.byteLength) > maxBytes && at > 0))
    const page = end < 0 ? later : later.slice(0, end)
    const rest = later.slice(page.length)
    return {
      ids: [...retained, ...page].map(({ id, sequence, stream }) => `${stream} ${id} ${sequence}`),
      cursors: Object.fromEntries(
        reach.map(({ stream, head, start }) => {
          const last = page.findLast((each) => each.stream === stream)?.sequence ?? start
          return [stream, rest.some((each) => each.stream === stream) ? last : head]
        }),
      ),
      more: rest.length > 0,
      lost: reach.filter(({ stream, start }) => (this.#floors.get(stream) ?? 0) > start).map(({ stream }) => stream),
    }
  }

  acknowledge(device: string, cursors: Cursors, outcomes: readonly WireOutcome[], now: number): void {
    for (const { id, state } of outcomes) {
      const before = this.#outcomes.find((each) => each.id === id && each.device === device)
      this.#outcomes = this.#outcomes.filter((each) => each !== before)
      this.#outcomes.push({ id, device, state, at: new Date(now), forgetAt: before?.forgetAt ?? now + 24 * HOUR_MS })
    }
    const mine = this.#cursors.get(device)
    for (const [stream, sequence] of Object.entries(cursors)) {
      const done = mine?.get(stream)
      if (done === undefined || done >= sequence) continue
      mine!.set(stream, Math.min(sequence, this.#heads.get(stream) ?? 0))
      if (stream !== `device:${device}`) continue
      const over = this.#entries.filter((each) => each.stream === stream && each.sequence <= sequence && !each.isState)
      this.#entries = this.#entries.filter((each) => !over.includes(each))
      for (const { id, expiresAt } of over) this.#tell({ id, device, state: 'handled', at: new Date(now), forgetAt: expiresAt + HOUR_MS })
    }
  }

  expire(now: number): number {
    const over = this.#entries.filter(({ expiresAt }) => expiresAt <= now)
    this.#end(over, 'expired', now)
    this.#outcomes = this.#outcomes.filter(({ forgetAt }) => forgetAt > now)
    this.#settled = this.#settled.filter(({ forgetAt }) => forgetAt > now)
    return over.length
  }

  enroll(device: string, groups: readonly string[] | undefined) {
    const known = this.#cursors.get(device)
    const mine = known ?? new Map([[`device:${device}`, 0]])
    this.#cursors.set(device, mine)
    const former = [...mine.keys()].filter((stream) => stream.startsWith('group:')).toSorted()
    const wanted = groups === undefined ? former : groups.map((group) => `group:${group}`)
    for (const stream of ['all', ...wanted]) if (!mine.has(stream)) mine.set(stream, this.#heads.get(stream) ?? 0)
    for (const stream of former) if (!wanted.includes(stream)) mine.delete(stream)
    const changed = known !== undefined && former.join() !== wanted.toSorted().join()
    return { groups: wanted.map((stream) => stream.slice(6)), changed }
  }

  receipts(id: string): readonly string[] {
    const outcomes = this.#outcomes.filter((each) => each.id === id)
    const queued = this.#entries
      .filter((each) => each.id === id && each.stream.startsWith('device:'))
      .map(({ stream, keptAt }) => ({ device: stream.slice(7), state: 'queued', at: new Date(keptAt) }))
    const all = [...outcomes, ...queued.filter(({ device }) => !outcomes.some((each) => each.device === device))]
    return all.map(({ device, state, at }) => `${device} ${state} ${at.getTime()}`).toSorted()
  }

  heads(): Cursors {
    return Object.fromEntries(this.#entries.map(({ stream }) => [stream, this.#heads.get(stream)!]))
  }

  settle(device: string, id: string, forgetAt: number): boolean {
    const key = `${device} ${id}`
    if (this.#settled.some((each) => each.key === key)) return false
    if (forgetAt !== 0) this.#settled.push({ key, forgetAt })
    return true
  }

  #end(entries: readonly Kept[], state: 'replaced' | 'dropped' | 'expired', now: number): void {
    this.#entries = this.#entries.filter((each) => !entries.includes(each))
    for (const { stream, id, sequence } of entries) {
      const device = stream.startsWith('device:') ? stream.slice(7) : undefined
      if (device === undefined || (this.#cursors.get(device)?.get(stream) ?? 0) >= sequence) continue
      this.#tell({ id, device, state, at: new Date(now), forgetAt: now + 24 * HOUR_MS })
    }
  }

  #tell(outcome: Outcome): void {
    if (!this.#outcomes.some((each) => each.id === outcome.id && each.device === outcome.device)) this.#outcomes.push(outcome)
  }
}
