import type { Claims } from './token.js'

/** AWS takes ten policies of so many characters of an authorizer: as many as 50 topics need, and a connection may have no more. */
const MAX_POLICY_CHARACTERS = 2_048

export interface PolicyDocument {
  readonly Version: '2012-10-17'
  readonly Statement: readonly { readonly Effect: 'Allow'; readonly Action: string; readonly Resource: readonly string[] }[]
}

/**
 * A device may connect as itself, and use its own topics. What it may receive is all that is below its namespace: nothing
 * arrives but what it subscribed to. `place` is the beginning of ARNs here, `arn:aws:iot:<region>:<account>`.
 */
export function policiesOf({ clientid, acl }: Pick<Claims, 'clientid' | 'acl'>, place: string): readonly PolicyDocument[] {
  const allow = (Action: string, kind: string, names: readonly string[]) =>
    ({ Effect: 'Allow', Action, Resource: names.map((name) => `${place}:${kind}/${name.replaceAll('+', '*')}`) }) as const
  const base = [
    allow('iot:Connect', 'client', [clientid]),
    allow('iot:Publish', 'topic', acl.pub),
    allow('iot:RetainPublish', 'topic', acl.retain),
    allow('iot:Receive', 'topic', [...new Set(acl.sub.map((topic) => `${topic.split('/').slice(0, 2).join('/')}/*`))]),
  ]
  const policies = [document(base)]
  let some: string[] = []
  for (const topic of acl.sub) {
    if (size(document([allow('iot:Subscribe', 'topicfilter', [...some, topic])])) > MAX_POLICY_CHARACTERS) {
      policies.push(document([allow('iot:Subscribe', 'topicfilter', some)]))
      some = []
    }
    some.push(topic)
  }
  policies.push(document([allow('iot:Subscribe', 'topicfilter', some)]))
  return policies
}

function document(Statement: PolicyDocument['Statement']): PolicyDocument {
  return { Version: '2012-10-17', Statement }
}

function size(policy: PolicyDocument): number {
  return JSON.stringify(policy).length
}
