/** A right that the running app needs, in the words of its engine's access control: a statement of a policy. */
export interface Permission {
  /** What the app does by it, in a few plain words, e.g. `list blobs`; an adapter has each reason once. */
  readonly reason: string
  /** Exact, no wildcards: `s3:GetObject`. Only what the driver calls. */
  readonly actions: readonly string[]
  /** On what, as exactly as the settings tell: `arn:aws:s3:::pdv-notas/*`. */
  readonly resources: readonly string[]
  /** What must hold beside, as AWS policies write it: `{ StringEquals: { 'aws:ResourceAccount': '123456789012' } }`. */
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}

/** Where a resource is, as far as it is known. */
export interface ResourcePlace {
  readonly region?: string | undefined
  /** Twelve digits. */
  readonly account?: string | undefined
}

/**
 * A resource's ARN: `arn('sqs', { region: 'sa-east-1' }, 'pdv-*')` = `arn:aws:sqs:sa-east-1:*:pdv-*`. What is not known is `*`; the
 * partition follows the region. For S3, whose names hold neither region nor account, see {@link partitionOf}.
 */
export function arn(service: string, { region, account }: ResourcePlace, resource: string): string {
  return `arn:${partitionOf(region)}:${service}:${region ?? '*'}:${account ?? '*'}:${resource}`
}

/** The part of AWS that a region belongs to: `aws`, `aws-cn`, `aws-us-gov`. Unknown: `aws`. */
export function partitionOf(region: string | undefined): string {
  if (region?.startsWith('cn-') === true) return 'aws-cn'
  return region?.startsWith('us-gov-') === true ? 'aws-us-gov' : 'aws'
}
