import type { IncomingHttpHeaders } from 'node:http'

/** Which service's limits and error shapes a proxy has. */
export type AwsService = 's3' | 'sqs' | 'firehose' | 'iot'

/** A request as it came. Bodies of S3 objects pass through as streams; all others are in memory. */
export interface ProxiedRequest {
  readonly method: string
  /** Path and query, undecoded. */
  readonly target: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer | undefined
  /** Tells connections apart. */
  readonly connection: object
}

/** Why a request is not let through, in the words of AWS. */
export interface Refusal {
  readonly status: number
  readonly code: string
  readonly message: string
  /** SQS tells the code of its earlier protocol, too, where that differs. */
  readonly queryCode?: string
  /** More elements of S3's error document. */
  readonly details?: Readonly<Record<string, string>>
}

/** Entries of a batch that are not let through; the others are. */
export interface PartialRefusal {
  readonly entries: ReadonlyMap<number, Refusal>
}

/** One service's published limits. Throws nothing; undefined = within them. */
export interface Limits {
  check(request: ProxiedRequest): Refusal | PartialRefusal | undefined
  /** Learns of what the emulator accepted. */
  accepted?(request: ProxiedRequest): void
}

export function isPartial(verdict: Refusal | PartialRefusal | undefined): verdict is PartialRefusal {
  return verdict !== undefined && 'entries' in verdict
}
