import type { Limits, PartialRefusal, Refusal } from './types.js'

/** https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html, seen in November 2026. */
const MAX_MESSAGE_BYTES = 1_048_576
const MAX_BATCH = 10
const MAX_ATTRIBUTES = 10
const MAX_DELAY_SECONDS = 900
const MAX_VISIBILITY_SECONDS = 43_200
const MAX_WAIT_SECONDS = 20
const MAX_RETENTION_SECONDS = 1_209_600

interface Attribute {
  readonly DataType?: string
  readonly StringValue?: string
  readonly BinaryValue?: string
}

interface Entry {
  readonly Id?: string
  readonly MessageBody?: string
  readonly MessageAttributes?: Readonly<Record<string, Attribute>>
  readonly DelaySeconds?: number
  readonly VisibilityTimeout?: number
  readonly MessageGroupId?: string
  readonly MessageDeduplicationId?: string
}

interface Call extends Entry {
  readonly QueueUrl?: string
  readonly QueueName?: string
  readonly Entries?: readonly Entry[]
  readonly WaitTimeSeconds?: number
  readonly MaxNumberOfMessages?: number
  readonly Attributes?: Readonly<Record<string, string>>
}

/** The JSON protocol, which the current SDKs speak. */
export const sqsLimits: Limits = {
  check({ headers, body }) {
    const action = String(headers['x-amz-target'] ?? '').split('.')[1] ?? ''
    const call = parse(body)
    if (call === undefined) return undefined
    const fifo = call.QueueUrl?.endsWith('.fifo') === true
    if (call.Entries !== undefined) return checkBatch(action, call.Entries, fifo)
    if (action === 'SendMessage') return checkSend(call, fifo)
    if (action === 'ReceiveMessage')
      return (
        within('WaitTimeSeconds', call.WaitTimeSeconds, 0, MAX_WAIT_SECONDS) ??
        within('MaxNumberOfMessages', call.MaxNumberOfMessages, 1, 10) ??
        within('VisibilityTimeout', call.VisibilityTimeout, 0, MAX_VISIBILITY_SECONDS)
      )
    if (action === 'ChangeMessageVisibility') return within('VisibilityTimeout', call.VisibilityTimeout, 0, MAX_VISIBILITY_SECONDS)
    if (action === 'CreateQueue' && !/^(?=.{1,80}$)[\w-]+(?:\.fifo)?$/.test(call.QueueName ?? ''))
      return invalid('Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length')
    const { DelaySeconds, VisibilityTimeout, MessageRetentionPeriod, MaximumMessageSize, ReceiveMessageWaitTimeSeconds } =
      call.Attributes ?? {}
    return (
      within('DelaySeconds', DelaySeconds, 0, MAX_DELAY_SECONDS) ??
      within('VisibilityTimeout', VisibilityTimeout, 0, MAX_VISIBILITY_SECONDS) ??
      within('MessageRetentionPeriod', MessageRetentionPeriod, 60, MAX_RETENTION_SECONDS) ??
      within('MaximumMessageSize', MaximumMessageSize, 1_024, MAX_MESSAGE_BYTES) ??
      within('ReceiveMessageWaitTimeSeconds', ReceiveMessageWaitTimeSeconds, 0, MAX_WAIT_SECONDS)
    )
  },
}

function checkBatch(action: string, entries: readonly Entry[], fifo: boolean): Refusal | PartialRefusal | undefined {
  if (entries.length === 0) return batch('EmptyBatchRequest', 'There should be at least one entry in the request.')
  if (entries.length > MAX_BATCH)
    return batch('TooManyEntriesInBatchRequest', `Maximum number of entries per request are ${MAX_BATCH}. You have sent ${entries.length}.`)
  const ids = entries.map(({ Id }) => Id ?? '')
  if (ids.some((id) => !/^[\w-]{1,80}$/.test(id)))
    return batch(
      'InvalidBatchEntryId',
      'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.',
    )
  if (new Set(ids).size < ids.length) return batch('BatchEntryIdsNotDistinct', `Id ${ids[0]} repeated.`)
  const bytes = entries.reduce((sum, entry) => sum + sizeOf(entry), 0)
  if (action === 'SendMessageBatch' && bytes > MAX_MESSAGE_BYTES)
    return batch('BatchRequestTooLong', `Batch requests cannot be longer than ${MAX_MESSAGE_BYTES} bytes. You have sent ${bytes} bytes.`)
  const refused = new Map<number, Refusal>()
  entries.forEach((entry, index) => {
    const refusal =
      action === 'SendMessageBatch'
        ? checkSend(entry, fifo)
        : within('VisibilityTimeout', entry.VisibilityTimeout, 0, MAX_VISIBILITY_SECONDS)
    if (refusal !== undefined) refused.set(index, refusal)
  })
  return refused.size === 0 ? undefined : { entries: refused }
}

function checkSend(entry: Entry, fifo: boolean): Refusal | undefined {
  const { MessageBody = '', MessageAttributes = {}, DelaySeconds } = entry
  const attributes = Object.keys(MessageAttributes).length
  if (MessageBody === '') return { status: 400, code: 'MissingParameter', message: 'The request must contain the parameter MessageBody.' }
  if (attributes > MAX_ATTRIBUTES)
    return invalid(`Number of message attributes [${attributes}] exceeds the allowed maximum [${MAX_ATTRIBUTES}].`)
  if (sizeOf(entry) > MAX_MESSAGE_BYTES)
    return invalid(`One or more parameters are invalid. Reason: Message must be shorter than ${MAX_MESSAGE_BYTES} bytes.`)
  const empty = Object.entries(MessageAttributes).find(([, { StringValue, BinaryValue }]) => !StringValue && !BinaryValue)
  if (empty !== undefined) return invalid(`Message attribute '${empty[0]}' must contain a non-empty value.`)
  const badName = Object.keys(MessageAttributes).find((name) => !/^(?!\.|aws\.|amazon\.)[\w.-]{1,256}(?<!\.)$/i.test(name))
  if (badName !== undefined) return invalid(`Message attribute name '${badName}' is invalid.`)
  const texts = [MessageBody, ...Object.values(MessageAttributes).map(({ StringValue = '' }) => StringValue)]
  if (texts.some((text) => UNSENDABLE.test(text) || !text.isWellFormed()))
    return {
      status: 400,
      code: 'InvalidMessageContents',
      message:
        'Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF',
    }
  return within('DelaySeconds', DelaySeconds, 0, MAX_DELAY_SECONDS) ?? checkGroup(entry, fifo)
}

/** A FIFO queue takes no delay of a message's own; a standard one takes a group, for fair queues, and no deduplication. */
function checkGroup({ MessageGroupId, MessageDeduplicationId, DelaySeconds }: Entry, fifo: boolean): Refusal | undefined {
  if (fifo && MessageGroupId === undefined)
    return { status: 400, code: 'MissingParameter', message: 'The request must contain the parameter MessageGroupId.' }
  if ((fifo && DelaySeconds !== undefined) || (!fifo && MessageDeduplicationId !== undefined)) {
    const [name, value] = fifo ? ['DelaySeconds', DelaySeconds] : ['MessageDeduplicationId', MessageDeduplicationId]
    const reason = 'The request include parameter that is not valid for this queue type.'
    return invalid(`Value ${value} for parameter ${name} is invalid. Reason: ${reason}`)
  }
  for (const [name, value] of Object.entries({ MessageGroupId, MessageDeduplicationId }))
    if (value !== undefined && !/^[\x21-\x7e]{1,128}$/.test(value))
      return invalid(
        `Value ${value} for parameter ${name} is invalid. Reason: ${name} can only include alphanumeric and punctuation characters. 1 to 128 in length.`,
      )
  return undefined
}

// oxlint-disable-next-line no-control-regex -- they are what SQS refuses
const UNSENDABLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

function sizeOf({ MessageBody = '', MessageAttributes = {} }: Entry): number {
  return Object.entries(MessageAttributes).reduce(
    (sum, [name, { DataType = '', StringValue = '', BinaryValue = '' }]) =>
      sum +
      Buffer.byteLength(name) +
      Buffer.byteLength(DataType) +
      Buffer.byteLength(StringValue) +
      Buffer.byteLength(BinaryValue, 'base64'),
    Buffer.byteLength(MessageBody),
  )
}

function within(field: string, value: number | string | undefined, from: number, to: number): Refusal | undefined {
  if (value === undefined || (Number(value) >= from && Number(value) <= to)) return undefined
  return invalid(`Value ${value} for parameter ${field} is invalid. Reason: Must be between ${from} and ${to}, if provided.`)
}

function invalid(message: string): Refusal {
  return { status: 400, code: 'InvalidParameterValueException', queryCode: 'InvalidParameterValue', message }
}

function batch(code: string, message: string): Refusal {
  return { status: 400, code, queryCode: `AWS.SimpleQueueService.${code}`, message }
}

function parse(body: Buffer | undefined): Call | undefined {
  try {
    return JSON.parse(body?.toString('utf8') ?? '') as Call
  } catch {
    return undefined
  }
}
