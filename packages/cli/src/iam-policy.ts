import type { PortPermissions } from '@pdvend/container'
import type { Permission } from '@pdvend/ports'

/** A policy as AWS reads it: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
export interface IamPolicy {
  readonly Version: '2012-10-17'
  readonly Statement: readonly IamStatement[]
}

export interface IamStatement {
  readonly Sid: string
  readonly Effect: 'Allow'
  readonly Action: readonly string[]
  readonly Resource: readonly string[]
  readonly Condition?: NonNullable<Permission['conditions']>
}

/** The most characters of a managed policy, white space not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html */
export const MAX_POLICY_CHARACTERS = 6_144

/** One statement for each adapter and reason, in the order of the ports. */
export function iamPolicy(ports: readonly PortPermissions[]): IamPolicy {
  const statements = ports.flatMap(({ adapter, permissions = [] }) =>
    permissions.map(({ reason, actions, resources, conditions }) => ({
      Sid: sidOf(`${adapter} ${reason}`),
      Effect: 'Allow' as const,
      Action: actions,
      Resource: resources,
      ...(conditions === undefined ? {} : { Condition: conditions }),
    })),
  )
  return { Version: '2012-10-17', Statement: statements }
}

/** `aws-s3 list blobs` as `AwsS3ListBlobs`: a statement's id takes letters and digits alone. */
function sidOf(text: string): string {
  return text.replace(/[^a-z0-9]*([a-z0-9]+)[^a-z0-9]*/gi, (_, word: string) => word[0]!.toUpperCase() + word.slice(1))
}
