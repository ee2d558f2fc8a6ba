import type { CallOptions } from '../call.js'
import type { Calls } from '../calls.js'
import { sleep } from '../clock.js'
import { decodeEnvelope } from '../envelope.js'
import { invalid } from '../errors.js'
import type { DriverCall } from '../driver.js'
import type { DriverDeadJob, JobDriver } from './driver.js'
import type { DeadJob, DeadQuery } from './types.js'

const PAGE = 100

/** The dead letters of a job queue. */
export class DeadLetters {
  constructor(
    private readonly driver: JobDriver,
    private readonly calls: Calls,
  ) {}

  /** Oldest death first [Q33]; pages are fetched as they are read. */
  async *list(query: DeadQuery & CallOptions = {}): AsyncGenerator<DeadJob, void, void> {
    for await (const page of this.#pages(query)) for (const dead of page) yield shown(dead)
  }

  /**
   * Sends dead jobs back to their queues: same id, attempt 1, at the end of their key's line [Q34, Q36]. Gives how many.
   * `perSecond` spreads them out; default: as fast as the engine takes them. What dies again meanwhile stays dead.
   */
  async redrive(query: DeadQuery, options: { readonly perSecond?: number } & CallOptions = {}): Promise<number> {
    const { perSecond, ...call } = options
    if (perSecond !== undefined && !(perSecond > 0)) throw invalid('perSecond', perSecond, 'give a number above 0')
    const step = perSecond === undefined ? PAGE : Math.max(1, Math.min(PAGE, Math.floor(perSecond)))
    return this.#each(query, call, step, async (ids) => {
      const count = await this.calls.run({ operation: 'dead.redrive', options: call }, (driverCall) =>
        this.driver.redriveDead(ids, driverCall),
      )
      return { count, pauseMs: perSecond === undefined ? 0 : (ids.length / perSecond) * 1_000 }
    })
  }

  /** Deletes dead jobs for good; gives how many [Q37]. An empty query means all. */
  async discard(query: DeadQuery, options: CallOptions = {}): Promise<number> {
    return this.#each(query, options, PAGE, async (ids) => ({
      count: await this.calls.run({ operation: 'dead.discard', options }, (call) => this.driver.discardDead(ids, call)),
      pauseMs: 0,
    }))
  }

  /** Each dead job once, also when it dies again while this goes on. */
  async #each(
    query: DeadQuery,
    options: CallOptions,
    step: number,
    act: (ids: readonly string[]) => Promise<{ readonly count: number; readonly pauseMs: number }>,
  ): Promise<number> {
    const seen = new Set<string>()
    let total = 0
    let pauseMs = 0
    for await (const page of this.#pages({ ...query, ...options })) {
      const ids = page.map(({ job }) => job.id).filter((id) => !seen.has(id))
      for (let at = 0; at < ids.length; at += step) {
        if (pauseMs > 0) await sleep(this.calls.clock, pauseMs, options.signal)
        const some = ids.slice(at, at + step)
        for (const id of some) seen.add(id)
        const done = await act(some)
        total += done.count
        pauseMs = done.pauseMs
      }
    }
    return total
  }

  async *#pages({ signal, timeoutMs, ...query }: DeadQuery & CallOptions): AsyncGenerator<readonly DriverDeadJob[], void, void> {
    checked(query)
    const options = { ...(signal === undefined ? {} : { signal }), ...(timeoutMs === undefined ? {} : { timeoutMs }) }
    let cursor: string | undefined
    do {
      const at = cursor === undefined ? {} : { cursor }
      const page = await this.calls.run({ operation: 'dead.list', options }, (call: DriverCall) =>
        this.driver.listDead({ ...query, ...at, limit: PAGE, signal: call.signal }),
      )
      if (page.jobs.length > 0) yield page.jobs
      cursor = page.cursor
    } while (cursor !== undefined)
  }
}

const FIELDS: Readonly<Record<keyof DeadQuery, (value: unknown) => boolean>> = {
  ids: (value) => Array.isArray(value) && value.every((id) => typeof id === 'string'),
  name: (value) => typeof value === 'string',
  key: (value) => typeof value === 'string',
  reason: (value) => typeof value === 'string',
  error: (value) => typeof value === 'string',
  from: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
  to: (value) => value instanceof Date && !Number.isNaN(value.getTime()),
}

/** A misspelt condition must not turn "discard some" into "discard all". */
function checked(query: object): void {
  for (const [field, value] of Object.entries(query)) {
    const fits = FIELDS[field as keyof DeadQuery] as ((value: unknown) => boolean) | undefined
    if (fits === undefined) throw invalid(`query.${field}`, value, `use ${Object.keys(FIELDS).join(', ')}`)
    if (!fits(value))
      throw invalid(
        `query.${field}`,
        value,
        field === 'ids' ? 'give an array of job ids' : field === 'from' || field === 'to' ? 'give a valid Date' : 'give text',
      )
  }
}

function shown({ job, reason, errors, attempts, diedAt }: DriverDeadJob): DeadJob {
  const { input, headers } = content(job.payload)
  return {
    id: job.id,
    name: job.name,
    ...(job.key === undefined ? {} : { key: job.key }),
    reason,
    errors,
    attempts,
    enqueuedAt: new Date(job.enqueuedAt),
    diedAt: new Date(diedAt),
    input,
    headers,
  }
}

function content(payload: Uint8Array): Pick<DeadJob, 'input' | 'headers'> {
  try {
    const { data, headers } = decodeEnvelope(payload)
    return { input: data, headers }
  } catch {
    return { input: new TextDecoder().decode(payload), headers: {} }
  }
}
