import type { DriverCall, DriverEnqueueOutcome, DriverJob, DriverReceive, JobStats, Lease, Settlement } from '@pdvend/ports'
import type { JobEngine } from '../engine.js'
import type { ShareEngine } from './engine.js'

/** How long a job of low priority lets the share engine look for one that goes before it, in milliseconds; the second where it has not looked yet. */
const LOOK_MS = [250, 3_000] as const

/** The share engine for what it takes in the queues that have its topic, and the classic one for everything else. */
export class BothEngines implements Omit<JobEngine, 'name' | 'takes' | 'gave'> {
  constructor(
    private readonly classic: JobEngine,
    private readonly share: ShareEngine,
  ) {}

  async enqueue(jobs: readonly DriverJob[], call: DriverCall): Promise<readonly DriverEnqueueOutcome[]> {
    const names = [...new Set(jobs.filter((job) => this.share.takes(job)).map(({ name }) => name))]
    const shared = new Set<string>()
    // Where that cannot be told now, the classic engine tells what is wrong.
    await Promise.all(names.map(async (name) => (await this.share.has(name, call.signal).catch(() => false)) && shared.add(name)))
    const engineOf = (job: DriverJob): JobEngine => (shared.has(job.name) && this.share.takes(job) ? this.share : this.classic)
    const engines = jobs.map(engineOf)
    const parts = [...new Set(engines)].map(async (engine): Promise<[JobEngine, DriverEnqueueOutcome[]]> => {
      const mine = jobs.filter((_, at) => engines[at] === engine)
      return [engine, [...(await engine.enqueue(mine, call))]]
    })
    const outcomes = new Map(await Promise.all(parts))
    return engines.map((engine) => outcomes.get(engine)!.shift()!)
  }

  /**
   * Who is due in the classic engine goes first: it has waited already, or goes before by its priority. One of a priority below 0
   * goes after what the share engine has.
   */
  async receive(options: DriverReceive): Promise<readonly Lease[]> {
    const due = await this.classic.receive({ ...options, waitMs: 0 })
    const first = due.filter(({ job }) => job.priority >= 0)
    const last = due.filter(({ job }) => job.priority < 0)
    if (last.length > 0) {
      const waitMs = LOOK_MS[(await this.share.warm(options.names)) ? 0 : 1]
      // Where that fails, what is claimed is handed over all the same: let go, it would count as started and crashed.
      const before = await this.share.receive({ ...options, max: Math.max(1, options.max - first.length), waitMs }).catch(() => [])
      return this.#fit([...first, ...before, ...last], options.max)
    }
    if (due.length > 0) return due
    return this.#wait(options)
  }

  /** Both at once; who has something ends the other's wait. */
  async #wait(options: DriverReceive): Promise<readonly Lease[]> {
    const found = new AbortController()
    const signal = AbortSignal.any([options.signal, found.signal])
    const ask = async (engine: JobEngine): Promise<readonly Lease[]> => {
      try {
        const leases = await engine.receive({ ...options, signal })
        if (leases.length > 0) found.abort()
        return leases
      } catch (error) {
        found.abort()
        throw error
      }
    }
    const [classic, share] = await Promise.allSettled([ask(this.classic), ask(this.share)])
    const leases = [classic, share].flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
    const failed = [classic, share].find((each) => each.status === 'rejected')
    if (leases.length === 0 && failed !== undefined && !options.signal.aborted) throw failed.reason
    return this.#fit(leases, options.max)
  }

  /** Gives back what is too much: the last. */
  async #fit(leases: readonly Lease[], max: number): Promise<readonly Lease[]> {
    await Promise.all(
      leases.slice(max).map(async (lease) => {
        if (this.share.gave(lease)) return this.share.putBack(lease)
        const release = this.classic.settle(lease, { kind: 'release', delayMs: 0 }, { signal: AbortSignal.timeout(10_000) })
        // Where that fails, the lease ends by itself.
        await release.catch(() => undefined)
      }),
    )
    return leases.slice(0, max)
  }

  settle(lease: Lease, settlement: Settlement, call: DriverCall): Promise<void> {
    return this.#of(lease).settle(lease, settlement, call)
  }

  extend(lease: Lease, leaseMs: number, call: DriverCall): Promise<number> {
    return this.#of(lease).extend(lease, leaseMs, call)
  }

  async stats(names: readonly string[], call: DriverCall): Promise<JobStats> {
    // In this order, so that a job on its way to the classic engine is rather counted twice than not at all.
    const share = await this.share.stats(names, call)
    const classic = await this.classic.stats(names, call)
    // Nobody sees a retry wait that its worker has not heard of yet.
    await this.share.settled()
    return {
      ready: share.ready + classic.ready,
      delayed: classic.delayed,
      inFlight: share.inFlight + classic.inFlight,
      dead: classic.dead,
      oldestAgeMs: Math.max(share.oldestAgeMs, classic.oldestAgeMs),
    }
  }

  async close(): Promise<void> {
    await this.share.close()
    await this.classic.close()
  }

  #of(lease: Lease): JobEngine {
    return this.share.gave(lease) ? this.share : this.classic
  }
}
