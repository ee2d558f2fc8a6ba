import { randomUUID } from 'node:crypto'
import { connectAsync, type IClientPublishOptions, type MqttClient } from 'mqtt'
import { mqttPassword, mqttUser } from '../engines/mqtt.js'

export interface Retained {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: number
  readonly userProperties?: Readonly<Record<string, string | string[]>>
}

const login = (port: number, clientId: string) => ({
  host: '127.0.0.1',
  port,
  protocolVersion: 5 as const,
  clientId,
  username: mqttUser,
  password: mqttPassword,
})

/** The bridge's own connection to the broker: what comes by REST, and lifecycle events. */
export class Service {
  private constructor(
    private readonly port: number,
    private readonly client: MqttClient,
  ) {}

  static async open(port: number): Promise<Service> {
    const client = await connectAsync({ ...login(port, 'service'), reconnectPeriod: 50, connectTimeout: 5_000 })
    client.on('error', () => {})
    return new Service(port, client)
  }

  get connected(): boolean {
    return this.client.connected
  }

  /** What cannot go out now waits for the next connection. */
  async publish(topic: string, payload: Buffer, options: IClientPublishOptions): Promise<void> {
    await this.client.publishAsync(topic, payload, options)
  }

  /** What the broker keeps for the filter, asked anew each time. */
  async retained(filter: string): Promise<readonly Retained[]> {
    const client = await connectAsync({ ...login(this.port, `service-${randomUUID()}`), reconnectPeriod: 0, connectTimeout: 5_000 })
    const found: Retained[] = []
    const end = `$bridge/${randomUUID()}`
    try {
      const ended = new Promise<void>((resolve, reject) => {
        client.once('close', () => reject(new Error('the broker went away')))
        client.on('message', (topic, payload, { qos, retain, properties }) => {
          if (topic === end) resolve()
          else if (retain)
            found.push({ topic, payload, qos, ...(properties?.userProperties && { userProperties: properties.userProperties }) })
        })
      })
      ended.catch(() => {})
      await client.subscribeAsync([filter, end], { qos: 1, rap: true })
      await client.publishAsync(end, '', { qos: 1 })
      await ended
      return found
    } finally {
      await client.endAsync(true)
    }
  }

  async untilConnected(): Promise<void> {
    if (this.connected) return
    await new Promise<void>((resolve) => this.client.once('connect', () => resolve()))
  }

  async close(): Promise<void> {
    await this.client.endAsync(true)
  }
}
