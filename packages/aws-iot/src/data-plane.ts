import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import {
  DeleteConnectionCommand,
  GetConnectionCommand,
  GetRetainedMessageCommand,
  IoTDataPlaneClient,
  ListRetainedMessagesCommand,
  ListSubscriptionsCommand,
  PublishCommand,
  SendDirectMessageCommand,
} from '@aws-sdk/client-iot-data-plane'
import { clientBase, renewing } from '@pdvend/client-aws'
import type { Clock, PortError } from '@pdvend/ports'
import type { Settings } from './config.js'
import { fail, wrong } from './errors.js'
import { toAllow } from './permissions.js'
import type { SigningCredentials } from './signed-url.js'

const MAX_SOCKETS = 50
/** How long AWS waits for a device's acknowledgement of a direct message, in seconds; 1 to 15. */
const CONFIRM_SECONDS = 5

/** What the endpoint can do beside publishing; each is found out when it is first asked for. */
type Feature = 'GetConnection' | 'DeleteConnection' | 'ListSubscriptions' | 'SendDirectMessage'

/** AWS IoT's data plane by HTTP: one try a call, in our codes. */
export class DataPlane {
  readonly #client: IoTDataPlaneClient
  readonly #lacks = new Set<Feature>()

  /** @throws CONFIG_INVALID for half a pair of keys */
  constructor(
    private readonly settings: Settings,
    private readonly clock: Clock,
  ) {
    const { requestTimeoutMs } = settings
    const agent = { keepAlive: true, maxSockets: MAX_SOCKETS }
    const client = new IoTDataPlaneClient({
      ...clientBase('aws-iot', 'PDVEND_PUSH', { ...settings, region: regionOf(settings) }),
      cacheMiddleware: true,
      requestHandler: {
        httpAgent: new HttpAgent(agent),
        httpsAgent: new HttpsAgent(agent),
        connectionTimeout: Math.min(requestTimeoutMs, 5_000),
        requestTimeout: requestTimeoutMs,
        throwOnRequestTimeout: true,
      },
    })
    this.#client = renewing(client)
  }

  /** @throws CONFIG_INVALID without one */
  async region(): Promise<string> {
    return this.#client.config.region().catch((cause: unknown) => {
      throw fail('open', cause)
    })
  }

  /** As they are now: the chain fetches new ones before the old ones end. @throws UNAUTHENTICATED when it finds none */
  async credentials(): Promise<SigningCredentials> {
    return this.#client.config.credentials().catch((cause: unknown) => {
      throw fail('open', cause)
    })
  }

  /** AWS's time in milliseconds, as far as a call has shown how far this machine's clock is from it. */
  now(): number {
    return this.clock.now() + this.#client.config.systemClockOffset
  }

  /** Which of the optional calls the endpoint turned out to lack. */
  get lacks(): readonly string[] {
    return [...this.#lacks]
  }

  async publish(topic: string, payload: Uint8Array | string, { retain = false }, signal: AbortSignal): Promise<void> {
    const command = new PublishCommand({ topic, qos: 1, payload: Buffer.from(payload), ...(retain && { retain }) })
    await this.#send((client) => client.send(command, { abortSignal: signal })).catch(
      this.#failed(retain ? 'iot:RetainPublish' : 'iot:Publish', topic),
    )
  }

  /** To a client that is connected, acknowledged by it; false where the endpoint cannot, and when the client is not there. */
  async sendDirect(clientId: string, topic: string, payload: Uint8Array, signal: AbortSignal): Promise<'sent' | 'absent' | 'unsupported'> {
    const command = new SendDirectMessageCommand({ clientId, topic, payload, confirmation: true, timeout: CONFIRM_SECONDS })
    return this.#optional('SendDirectMessage', 'unsupported', async () => {
      try {
        await this.#send((client) => client.send(command, { abortSignal: signal }))
        return 'sent'
      } catch (error) {
        if (nameOf(error) === 'ResourceNotFoundException') return 'absent'
        return this.#failed('iot:SendDirectMessage', clientId)(error)
      }
    })
  }

  /** Undefined where the endpoint does not tell. */
  async isConnected(clientId: string, signal: AbortSignal): Promise<boolean | undefined> {
    return this.#optional('GetConnection', undefined, async () => {
      try {
        const { connected = false } = await this.#send((client) =>
          client.send(new GetConnectionCommand({ clientId }), { abortSignal: signal }),
        )
        return connected
      } catch (error) {
        if (nameOf(error) === 'ResourceNotFoundException') return false
        return this.#failed('iot:GetConnection', clientId)(error)
      }
    })
  }

  /** Disconnects a client without its will; none there is as good. False where the endpoint cannot. */
  async disconnect(clientId: string, signal: AbortSignal): Promise<boolean> {
    return this.#optional('DeleteConnection', false, async () => {
      try {
        const command = new DeleteConnectionCommand({ clientId, preventWillMessage: true })
        await this.#send((client) => client.send(command, { abortSignal: signal }))
      } catch (error) {
        if (nameOf(error) !== 'ResourceNotFoundException') this.#failed('iot:DeleteConnection', clientId)(error)
      }
      return true
    })
  }

  /** Topic filters of a client; undefined where the endpoint does not tell. */
  async subscriptions(clientId: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
    return this.#optional('ListSubscriptions', undefined, async () => {
      try {
        const filters: string[] = []
        let nextToken: string | undefined
        do {
          const command = new ListSubscriptionsCommand({ clientId, nextToken })
          const page = await this.#send((client) => client.send(command, { abortSignal: signal }))
          filters.push(...(page.subscriptions ?? []).flatMap(({ topicFilter }) => topicFilter ?? []))
          nextToken = page.nextToken
        } while (nextToken)
        return filters
      } catch (error) {
        if (nameOf(error) === 'ResourceNotFoundException') return []
        return this.#failed('iot:ListSubscriptions', clientId)(error)
      }
    })
  }

  /** The retained message of a topic; undefined where there is none. */
  async retained(topic: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    try {
      return (await this.#send((client) => client.send(new GetRetainedMessageCommand({ topic }), { abortSignal: signal }))).payload
    } catch (error) {
      if (nameOf(error) === 'ResourceNotFoundException') return undefined
      return this.#failed('iot:GetRetainedMessage', topic)(error)
    }
  }

  /** Topics of the account's retained messages, page by page. */
  async *retainedTopics(signal: AbortSignal): AsyncGenerator<string> {
    let nextToken: string | undefined
    do {
      const command = new ListRetainedMessagesCommand({ nextToken, maxResults: 200 })
      const page = await this.#send((client) => client.send(command, { abortSignal: signal })).catch(
        this.#failed('iot:ListRetainedMessages'),
      )
      for (const { topic } of page.retainedTopics ?? []) if (topic !== undefined) yield topic
      nextToken = page.nextToken
    } while (nextToken)
  }

  close(): void {
    this.#client.destroy()
  }

  /** What was refused for the clock alone is signed anew at once, with AWS's time. */
  async #send<T>(call: (client: IoTDataPlaneClient) => Promise<T>): Promise<T> {
    try {
      return await call(this.#client)
    } catch (error) {
      if ((error as { $metadata?: { clockSkewCorrected?: boolean } }).$metadata?.clockSkewCorrected !== true) throw error
      return call(this.#client)
    }
  }

  async #optional<T>(feature: Feature, without: T, call: () => Promise<T>): Promise<T> {
    if (this.#lacks.has(feature)) return without
    try {
      return await call()
    } catch (error) {
      if (!isUnsupported((error as PortError).cause)) throw error
      this.#lacks.add(feature)
      return without
    }
  }

  /** What a denied call needs is named in its error. */
  #failed(action: string, target?: string): (error: unknown) => never {
    return (error) => {
      const failed = fail(action.slice('iot:'.length), error, target)
      throw failed.code === 'PERMISSION_DENIED' ? failed.with({ detail: toAllow(action, this.settings) }) : failed
    }
  }
}

/** The endpoint's name tells it; undefined: the SDK's chain knows. @throws CONFIG_INVALID when the two differ */
function regionOf({ endpoint, region }: Settings): string | undefined {
  const there = /\.iot(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/.exec(new URL(endpoint).hostname)?.[1]
  if (region !== undefined && there !== undefined && there !== region)
    throw wrong(`PDVEND_PUSH_REGION is ${region}, but the endpoint of PDVEND_PUSH_ENDPOINT is in ${there}: set PDVEND_PUSH_REGION=${there}`)
  return region ?? there
}

function nameOf(error: unknown): unknown {
  return (error as { name?: unknown }).name
}

/** Regions and emulators that lack a call say so in several ways: by a name, by "no such path", or as a bare 404. */
function isUnsupported(cause: unknown): boolean {
  const { name, message = '', $metadata } = (cause ?? {}) as { name?: string; message?: string; $metadata?: { httpStatusCode?: number } }
  if (name === 'UnsupportedOperationException' || name === 'UnknownOperationException' || name === 'MethodNotAllowedException') return true
  return $metadata?.httpStatusCode === 404 || (name === 'InvalidRequestException' && message.startsWith('Unsupported'))
}
