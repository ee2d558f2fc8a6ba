import { PortError } from './errors.js'

/**
 * The Standard Schema v1 interface (https://standardschema.dev), copied as its authors intend, so that Zod, Valibot,
 * ArkType and others fit without a dependency.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

export type SchemaResult<Output> = { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly SchemaIssue[] }

export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** What a schema accepts. */
export type InputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['input']
/** What a schema gives back. */
export type OutputOf<S extends StandardSchema> = NonNullable<S['~standard']['types']>['output']

/** Validates; synchronous validators stay synchronous. */
export function check<S extends StandardSchema>(schema: S, value: unknown): SchemaResult<OutputOf<S>> | Promise<SchemaResult<OutputOf<S>>> {
  return schema['~standard'].validate(value) as SchemaResult<OutputOf<S>> | Promise<SchemaResult<OutputOf<S>>>
}

/** Validates `value` or throws INVALID_ARGUMENT with every issue and its path; `what` names the value, e.g. `input of job receipt.issue`. */
export async function validate<S extends StandardSchema>(schema: S, value: unknown, what: string): Promise<OutputOf<S>> {
  const result = await answered(schema, value, what)
  if (result.issues === undefined) return result.value
  throw new PortError('INVALID_ARGUMENT', { detail: `${what}: ${issuesText(result.issues)}` })
}

/** A validator may throw where it should answer: one that calls itself does so on a value that is nested deep enough. */
async function answered<S extends StandardSchema>(schema: S, value: unknown, what: string): Promise<SchemaResult<OutputOf<S>>> {
  try {
    return await check(schema, value)
  } catch (cause) {
    throw new PortError('INVALID_ARGUMENT', { detail: `${what}: its schema threw instead of answering`, cause })
  }
}

/** `path: message; path: message`, at most eight issues. */
export function issuesText(issues: readonly SchemaIssue[]): string {
  const lines = issues.slice(0, 8).map(({ message, path }) => {
    const at = (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
    return at ? `${at}: ${message}` : message
  })
  return lines.join('; ') + (issues.length > 8 ? `; and ${issues.length - 8} more` : '')
}
