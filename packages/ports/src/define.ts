import { invalid } from './errors.js'
import type { OutputOf, StandardSchema } from './schema.js'

/** When a job that failed runs again. */
export interface JobRetry {
  /** Attempts in all, the first one included. Default 8. */
  readonly maxAttempts?: number
  /** First wait in milliseconds; it doubles, with full jitter. Default 1,000. */
  readonly firstMs?: number
  /** Longest wait in milliseconds. Default 60,000. */
  readonly maxMs?: number
}

export interface JobOptions<S extends StandardSchema> {
  /** Validates at enqueue and again before the handler. */
  readonly input: S
  readonly retry?: JobRetry
  /** Longest run of one attempt in milliseconds; then the handler's signal aborts and the attempt counts as failed. Default 60,000. */
  readonly timeoutMs?: number
  /** Jobs of one key run strictly in order, one at a time. */
  readonly key?: (input: OutputOf<S>) => string
}

/** A kind of job; its name is its queue. */
export interface JobDefinition<S extends StandardSchema = StandardSchema> extends JobOptions<S> {
  readonly name: string
}

/** Declares a job. Enqueue and handle it with the same definition. */
export function defineJob<S extends StandardSchema>(name: string, options: JobOptions<S>): JobDefinition<S> {
  return { ...options, name: checkedName(name, 'job name'), input: checkedSchema(options?.input, `input of job ${name}`) }
}

export interface MessageOptions<S extends StandardSchema> {
  /** Validates at publish and again at the device. */
  readonly body: S
  /** How long the message is worth handling, in milliseconds. Default 86,400,000 (one day). */
  readonly ttlMs?: number
}

/** A kind of push message. */
export interface MessageDefinition<S extends StandardSchema = StandardSchema> extends MessageOptions<S> {
  readonly name: string
}

/** Declares a push message, to be shared by the app and its devices. */
export function defineMessage<S extends StandardSchema>(name: string, options: MessageOptions<S>): MessageDefinition<S> {
  return { ...options, name: checkedName(name, 'message name'), body: checkedSchema(options?.body, `body of message ${name}`) }
}

export interface EventOptions<S extends StandardSchema> {
  readonly data: S
}

/** A kind of telemetry event. */
export interface EventDefinition<S extends StandardSchema = StandardSchema> extends EventOptions<S> {
  readonly name: string
}

/** Declares a telemetry event; its name and schema also make its table. */
export function defineEvent<S extends StandardSchema>(name: string, options: EventOptions<S>): EventDefinition<S> {
  return { ...options, name: checkedName(name, 'event name'), data: checkedSchema(options?.data, `data of event ${name}`) }
}

/** Fits every engine's names: SQS queues (80 characters), Kafka topics, MQTT levels, SQL tables. */
const NAME = /^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*$/
const MAX_NAME = 64

function checkedName(name: string, field: string): string {
  if (typeof name === 'string' && name.length <= MAX_NAME && NAME.test(name)) return name
  throw invalid(field, name, `use at most ${MAX_NAME} of a-z 0-9, words joined by . _ or -, e.g. "receipt.issue"`)
}

function checkedSchema<S extends StandardSchema>(schema: S, field: string): S {
  if (typeof (schema as Partial<S> | undefined)?.['~standard']?.validate === 'function') return schema
  throw invalid(field, schema, 'give a Standard Schema, e.g. z.object({ ... }) of Zod, Valibot or ArkType')
}

export { PortError } from './errors.js'
export type { InputOf, OutputOf, StandardSchema } from './schema.js'
