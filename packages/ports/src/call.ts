/** What every call of every port takes. */
export interface CallOptions {
  /** Gives up when it aborts: the call rejects with CANCELED. */
  readonly signal?: AbortSignal
  /** Total time for the call, retries included, in milliseconds. Default: the port's `timeoutMs`. After it: DEADLINE_EXCEEDED. */
  readonly timeoutMs?: number
}
