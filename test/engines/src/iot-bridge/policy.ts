import { literal, wildcards } from '../aws-proxy/wildcards.js'
import type { PolicyDocument, PolicyStatement } from './types.js'

/** Says whether an action, e.g. `iot:Publish`, is allowed on a resource without its prefix, e.g. `topic/pdv/a`. */
export type Allows = (action: string, resource: string) => boolean

/** Where the policies apply. */
export interface PolicyPlace {
  readonly region: string
  readonly account: string
  /** For `${iot:ClientId}`; absent where nobody is connected. */
  readonly clientId?: string
}

interface Rule {
  readonly deny: boolean
  readonly actions: readonly RegExp[]
  readonly resources: readonly RegExp[]
}

/**
 * What the documents together allow, as AWS evaluates them: nothing by default, and a Deny wins.
 * @throws Error for what the bridge cannot evaluate: silently allowing it would prove nothing
 */
export function allowedBy(documents: readonly PolicyDocument[], place: PolicyPlace): Allows {
  const rules = documents.flatMap(({ Statement }) => many(Statement).map((statement) => ruleOf(statement, place)))
  return (action, resource) => {
    const arn = `arn:aws:iot:${place.region}:${place.account}:${resource}`
    const meant = rules.filter(
      ({ actions, resources }) => actions.some((each) => each.test(action)) && resources.some((each) => each.test(arn)),
    )
    return meant.some(({ deny }) => !deny) && meant.every(({ deny }) => !deny)
  }
}

function ruleOf(statement: PolicyStatement, { clientId }: PolicyPlace): Rule {
  const unknown = Object.keys(statement).find((key) => !['Sid', 'Effect', 'Action', 'Resource'].includes(key))
  if (unknown !== undefined) throw new Error(`the bridge evaluates no ${unknown} in policies`)
  const resources = many(statement.Resource).map((resource) => glob(resource, clientId))
  return { deny: statement.Effect === 'Deny', actions: many(statement.Action).map((action) => glob(action)), resources }
}

/** A pattern with its wildcards; the client id stands for itself, wildcards in it included. */
function glob(pattern: string, clientId?: string): RegExp {
  const source = pattern.split(/(\$\{[^}]*\})/).map((part) => {
    if (!part.startsWith('${')) return wildcards(part)
    if (part !== '${iot:ClientId}') throw new Error(`the bridge knows no policy variable ${part}`)
    return clientId === undefined ? '(?!)' : literal(clientId)
  })
  return new RegExp(`^${source.join('')}$`)
}

function many<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T]
}
