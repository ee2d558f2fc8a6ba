import { freePorts } from '../process/ports.js'
import { startHiddenBroker } from './broker.js'
import { Clients } from './clients.js'
import { dataPlane } from './data-plane.js'
import { Events } from './events.js'
import { Front } from './front.js'
import { SignedIn } from './identity.js'
import { PUBLISHED } from './limits.js'
import { Service } from './service.js'
import type { IotBridge, IotBridgeOptions, IotCredentials } from './types.js'

const MAX_LOG_LINES = 1_000
const TEST: IotCredentials = { accessKeyId: 'test', secretAccessKey: 'test' }

/** AWS IoT Core on loopback: a Mosquitto, and what makes it look like AWS to an app and its devices. */
export async function startIotBridge(options: IotBridgeOptions = {}): Promise<IotBridge> {
  const { region = 'us-east-1', account = '123456789012', credentials = [TEST], authorizers = {}, report } = options
  const limits = { ...PUBLISHED, ...options.limits }
  const lines: string[] = []
  const log = (line: string): void => {
    lines.push(`${new Date().toISOString()} ${line}`)
    if (lines.length > MAX_LOG_LINES) lines.shift()
  }
  const broker = await startHiddenBroker(report)
  const brokerPort = Number(new URL(broker.url).port)
  const [httpPort, tcpPort] = (await freePorts(2)) as [number, number]
  const place = { region, account }
  const signedIn = new SignedIn(credentials, place)
  const clients = new Clients()
  const service = await Service.open(brokerPort)
  const events = new Events(service)
  const answer = dataPlane({ signedIn, clients, service, publishesPerSecond: limits.publishesPerSecond })
  const front = new Front({ place, signedIn, authorizers, limits, clients, events, brokerPort, log, httpPort, tcpPort, answer })
  await front.listen()

  /** The whole goes away, and comes back once the broker has. */
  const around = async (how: 'in-order' | 'killed', broken: () => Promise<void>): Promise<void> => {
    const back = await front.down(how)
    await broken()
    await service.untilConnected()
    await back()
  }
  let stopped: Promise<void> | undefined
  const [{ accessKeyId, secretAccessKey }] = credentials as [IotCredentials]
  const url = `http://127.0.0.1:${httpPort}`
  const webSocketUrl = `ws://127.0.0.1:${httpPort}/mqtt`
  const tcpUrl = `mqtt://127.0.0.1:${tcpPort}`
  return {
    name: 'IoT bridge',
    version: `Mosquitto ${broker.version}`,
    url,
    webSocketUrl,
    tcpUrl,
    region,
    account,
    env: {
      PDVEND_PUSH_ENDPOINT: url,
      PDVEND_PUSH_URL: webSocketUrl,
      PDVEND_PUSH_URLS: `${tcpUrl},${webSocketUrl}`,
      PDVEND_PUSH_REGION: region,
      PDVEND_PUSH_ACCOUNT: account,
      PDVEND_PUSH_ACCESS_KEY: accessKeyId,
      PDVEND_PUSH_SECRET_KEY: secretAccessKey,
    },
    broker,
    front,
    disturb: (disturbance) => events.disturb(disturbance),
    cut(clientId) {
      const connection = clients.find(clientId)?.connection
      connection?.cut()
      return connection !== undefined
    },
    admit: (each) => signedIn.admit(each),
    expel: (accessKey) => signedIn.expel(accessKey),
    connected: () => clients.connections().map(({ clientId }) => clientId),
    log: async () => lines.join('\n'),
    restart: () => around('in-order', () => broker.restart!()),
    kill: () => around('killed', () => broker.kill!()),
    wipe: () =>
      around('killed', async () => {
        clients.clear()
        await broker.wipe!()
      }),
    async pause() {
      const resumes = [await front.pause(), await broker.pause!()]
      return async () => {
        for (const resume of resumes) await resume()
      }
    },
    stop() {
      stopped ??= (async () => {
        await front.down('killed').catch(() => {})
        await service.close()
        await broker.stop()
      })()
      return stopped
    },
  }
}
