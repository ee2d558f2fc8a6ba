/** What an app needs to exist in its engines, by port; an adapter provisions what its engine wants made beforehand. */
export interface ProvisionResources {
  /** Names of the job definitions: one queue each. `keyed`: its jobs have a key, so that their order is kept. */
  readonly jobs: readonly { readonly name: string; readonly keyed: boolean }[]
}

/** One thing that the engine should have. */
export interface ProvisionStep {
  /** What it is, in the engine's words: `bucket`, `topic`, `queue`, `table`. */
  readonly kind: string
  readonly name: string
  /** `keep`: it is there and right. `refuse`: it is there and wrong, and cannot be changed without losing data: `detail` says the mend. */
  readonly change: 'create' | 'update' | 'keep' | 'refuse'
  /** What will be set, or what is wrong, e.g. `4 partitions, retention.ms=-1`. No secrets. */
  readonly detail?: string
}

/** What is to be done; nothing was changed yet. */
export interface ProvisionPlan {
  readonly steps: readonly ProvisionStep[]
  /** Carries the plan out, in order; doing it again changes nothing. Refuses while a step is `refuse`. @throws what the engine answers */
  apply(): Promise<void>
  /** Frees connections; idempotent. */
  close(): Promise<void>
}
