import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
} from '@aws-sdk/client-sqs'
import { type DriverCall, PortError } from '@pdvend/ports'
import { Batcher, type EntryOutcome } from '../batcher.js'
import { ATTRIBUTE, type Packed } from '../codec.js'
import { fail } from '../errors.js'
import { MAX_BATCH, MAX_MESSAGE_BYTES } from '../limits.js'
import type { SqsClients } from './client.js'

/** A message to be sent. */
export interface Outgoing extends Pick<Packed, 'body' | 'attribute' | 'bytes'> {
  /** Whole seconds; a FIFO queue takes none. */
  readonly delaySeconds?: number
  /** FIFO only. */
  readonly groupId?: string
  readonly deduplicationId?: string
}

/** A message as it was received. */
export interface Incoming {
  readonly messageId: string
  readonly receipt: string
  readonly body: string
  readonly attribute: string | undefined
  readonly groupId: string | undefined
  /** This receive included. */
  readonly receives: number
  readonly sentAt: number
}

/** How many messages a queue has; SQS calls it approximate, and it is so within a minute. */
export interface Depth {
  readonly visible: number
  readonly delayed: number
  readonly hidden: number
}

export interface Polling {
  readonly max: number
  readonly waitSeconds: number
  readonly visibilitySeconds: number
}

const DELETES_AT_ONCE = 8
const SENDS_AT_ONCE = 4

/** One queue of SQS, by its URL. Deletes, changes of visibility and single sends that come together go as batches. */
export class Queue {
  readonly #sends: Batcher<Outgoing>
  readonly #deletes: Batcher<string>
  readonly #hides: Batcher<{ readonly receipt: string; readonly seconds: number }>

  constructor(
    private readonly clients: SqsClients,
    readonly name: string,
    private readonly url: string,
  ) {
    this.#sends = new Batcher({
      send: (messages) => this.#send(messages),
      maxEntries: MAX_BATCH,
      maxBytes: MAX_MESSAGE_BYTES,
      bytesOf: ({ bytes }) => bytes,
      parallel: SENDS_AT_ONCE,
    })
    this.#deletes = new Batcher({ send: (receipts) => this.#delete(receipts), maxEntries: MAX_BATCH, parallel: DELETES_AT_ONCE })
    this.#hides = new Batcher({ send: (entries) => this.#hide(entries), maxEntries: MAX_BATCH, parallel: DELETES_AT_ONCE })
  }

  /** Resolves when SQS has it for good. */
  send(message: Outgoing, { signal }: DriverCall): Promise<void> {
    return abortable(this.#sends.add(message), signal)
  }

  /** At most ten messages and 1 MiB, in this order; one outcome a message. */
  sendBatch(messages: readonly Outgoing[], { signal }: DriverCall): Promise<readonly EntryOutcome[]> {
    return this.#send(messages, signal)
  }

  /** @throws LEASE_LOST where SQS knows that another has the message; a standard queue often does not */
  delete(receipt: string, { signal }: DriverCall): Promise<void> {
    return abortable(this.#deletes.add(receipt), signal)
  }

  /** Hides a message that is in flight for so many seconds from now; 0 shows it. @throws LEASE_LOST */
  hide(receipt: string, seconds: number, { signal }: DriverCall): Promise<void> {
    return abortable(this.#hides.add({ receipt, seconds }), signal)
  }

  /** Never aborted: SQS may have counted and hidden a message for an answer that nobody reads. */
  async receive({ max, waitSeconds, visibilitySeconds }: Polling): Promise<readonly Incoming[]> {
    try {
      const { Messages = [] } = await this.clients.polls.send(
        new ReceiveMessageCommand({
          QueueUrl: this.url,
          MaxNumberOfMessages: max,
          WaitTimeSeconds: waitSeconds,
          VisibilityTimeout: visibilitySeconds,
          MessageAttributeNames: [ATTRIBUTE],
          MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp', 'MessageGroupId'],
        }),
      )
      return Messages.map(incoming)
    } catch (cause) {
      throw fail('receive', cause, this.name)
    }
  }

  async depth({ signal }: DriverCall): Promise<Depth> {
    try {
      const { Attributes = {} } = await this.clients.calls.send(
        new GetQueueAttributesCommand({
          QueueUrl: this.url,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed', 'ApproximateNumberOfMessagesNotVisible'],
        }),
        { abortSignal: signal },
      )
      return {
        visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
        delayed: Number(Attributes.ApproximateNumberOfMessagesDelayed ?? 0),
        hidden: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
      }
    } catch (cause) {
      throw fail('stats', cause, this.name)
    }
  }

  async #send(messages: readonly Outgoing[], signal?: AbortSignal): Promise<readonly EntryOutcome[]> {
    const Entries = messages.map(({ body, attribute, delaySeconds, groupId, deduplicationId }, at) => ({
      Id: String(at),
      MessageBody: body,
      MessageAttributes: { [ATTRIBUTE]: { DataType: 'String', StringValue: attribute } },
      ...(delaySeconds === undefined ? {} : { DelaySeconds: delaySeconds }),
      ...(groupId === undefined ? {} : { MessageGroupId: groupId }),
      ...(deduplicationId === undefined ? {} : { MessageDeduplicationId: deduplicationId }),
    }))
    return this.#batch('send', messages.length, () =>
      this.clients.calls.send(
        new SendMessageBatchCommand({ QueueUrl: this.url, Entries }),
        signal === undefined ? {} : { abortSignal: signal },
      ),
    )
  }

  #delete(receipts: readonly string[]): Promise<readonly EntryOutcome[]> {
    const Entries = receipts.map((ReceiptHandle, at) => ({ Id: String(at), ReceiptHandle }))
    return this.#batch('delete', receipts.length, () =>
      this.clients.calls.send(new DeleteMessageBatchCommand({ QueueUrl: this.url, Entries })),
    )
  }

  #hide(entries: readonly { readonly receipt: string; readonly seconds: number }[]): Promise<readonly EntryOutcome[]> {
    const Entries = entries.map(({ receipt, seconds }, at) => ({ Id: String(at), ReceiptHandle: receipt, VisibilityTimeout: seconds }))
    return this.#batch('hide', entries.length, () =>
      this.clients.calls.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.url, Entries })),
    )
  }

  async #batch(
    operation: string,
    count: number,
    send: () => Promise<{
      Successful?: readonly { Id?: string | undefined }[] | undefined
      Failed?: readonly BatchResultErrorEntry[] | undefined
    }>,
  ): Promise<readonly EntryOutcome[]> {
    try {
      const { Successful = [], Failed = [] } = await send()
      const done = new Set(Successful.map(({ Id }) => Id))
      const failed = new Map(Failed.map((entry) => [entry.Id, entry]))
      return Array.from({ length: count }, (_, at) => {
        const { Code, Message } = failed.get(String(at)) ?? {}
        if (Code !== undefined)
          return fail(operation, Object.assign(new Error(Message ?? Code), { name: Code }), this.name, ENTRY[Code] ?? {})
        if (done.has(String(at))) return undefined
        return new PortError('UNAVAILABLE', { operation, target: this.name, outcome: 'unknown', detail: 'SQS told nothing of this entry' })
      })
    } catch (cause) {
      throw fail(operation, cause, this.name)
    }
  }
}

/** An entry that SQS itself lists as failed has not been carried out, whatever its code. */
const ENTRY: Readonly<Record<string, { readonly outcome: 'not-applied' }>> = {
  InternalError: { outcome: 'not-applied' },
  InternalFailure: { outcome: 'not-applied' },
}

/** The queues of an account and region, by name. */
export class Queues {
  readonly #found = new Map<string, Promise<Queue>>()

  constructor(private readonly clients: SqsClients) {}

  /** @throws NOT_FOUND where it is not there, each time anew */
  get(name: string): Promise<Queue> {
    const known = this.#found.get(name)
    if (known !== undefined) return known
    const found = this.clients.calls.send(new GetQueueUrlCommand({ QueueName: name })).then(
      ({ QueueUrl = '' }) => new Queue(this.clients, name, QueueUrl),
      (cause: unknown) => {
        this.#found.delete(name)
        throw fail('open', cause, name)
      },
    )
    this.#found.set(name, found)
    return found
  }

  /** It is looked for again. */
  forget(name: string): void {
    this.#found.delete(name)
  }

  /** undefined where it is not there. */
  async find(name: string): Promise<Queue | undefined> {
    try {
      return await this.get(name)
    } catch (error) {
      if (PortError.is(error, 'NOT_FOUND')) return undefined
      throw error
    }
  }

  /** The names of all queues that begin so. */
  async names(prefix: string, { signal }: DriverCall): Promise<readonly string[]> {
    const names: string[] = []
    let token: string | undefined
    try {
      do {
        const page = await this.clients.calls.send(
          new ListQueuesCommand({ QueueNamePrefix: prefix, MaxResults: 1_000, ...(token === undefined ? {} : { NextToken: token }) }),
          { abortSignal: signal },
        )
        names.push(...(page.QueueUrls ?? []).map((url) => url.slice(url.lastIndexOf('/') + 1)))
        token = page.NextToken
      } while (token !== undefined)
      return names
    } catch (cause) {
      throw fail('listQueues', cause, prefix)
    }
  }

  close(): void {
    this.clients.calls.destroy()
    this.clients.polls.destroy()
  }
}

function incoming({ MessageId = '', ReceiptHandle = '', Body = '', Attributes = {}, MessageAttributes = {} }: Message): Incoming {
  return {
    messageId: MessageId,
    receipt: ReceiptHandle,
    body: Body,
    attribute: MessageAttributes[ATTRIBUTE]?.StringValue,
    groupId: Attributes.MessageGroupId,
    receives: Number(Attributes.ApproximateReceiveCount ?? 1),
    sentAt: Number(Attributes.SentTimestamp ?? 0),
  }
}

/** Ends early when the caller gives up; what was asked for goes on, and nobody can say how it ended. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
