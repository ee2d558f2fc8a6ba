import { once } from 'node:events'
import { connect as dial } from 'node:net'
import type { IConnackPacket, IConnectPacket, IDisconnectPacket } from 'mqtt-packet'
import { mqttPassword, mqttUser } from '../engines/mqtt.js'
import { MAX_IN_FLIGHT } from './limits.js'
import { PacketStream } from './packet-stream.js'

const CONNECT_WITHIN_MS = 10_000

/** One client's own connection to the broker, which keeps its session: always MQTT 5, whatever the client speaks. */
export class Upstream {
  private constructor(
    readonly packets: PacketStream,
    readonly welcome: IConnackPacket,
  ) {}

  /** @throws Error when the broker is away or says no */
  static async open(port: number, asked: IConnectPacket, sessionExpirySeconds: number): Promise<Upstream> {
    const socket = dial({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    const packets = new PacketStream(socket, 5, () => socket.destroy())
    const { receiveMaximum = MAX_IN_FLIGHT, maximumPacketSize, requestProblemInformation } = asked.properties ?? {}
    packets.send({
      cmd: 'connect',
      clientId: `client-${asked.clientId}`,
      protocolId: 'MQTT',
      protocolVersion: 5,
      clean: asked.clean ?? true,
      // The front watches the client; this link is on one machine.
      keepalive: 0,
      username: mqttUser,
      password: Buffer.from(mqttPassword),
      ...(asked.will !== undefined && { will: asked.will }),
      properties: {
        sessionExpiryInterval: sessionExpirySeconds,
        receiveMaximum: Math.min(receiveMaximum, MAX_IN_FLIGHT),
        ...(maximumPacketSize !== undefined && { maximumPacketSize }),
        ...(requestProblemInformation !== undefined && { requestProblemInformation }),
      },
    })
    const answer = await packets.first(CONNECT_WITHIN_MS)
    if (answer?.cmd === 'connack' && answer.reasonCode === 0) return new Upstream(packets, answer)
    socket.destroy()
    throw new Error(answer?.cmd === 'connack' ? `the broker refuses with ${answer.reasonCode}` : 'the broker does not answer')
  }

  /** Without a word, so that the broker publishes the will. */
  drop(): void {
    this.packets.stream.destroy()
  }

  leave(goodbye: Pick<IDisconnectPacket, 'reasonCode' | 'properties'> = {}): void {
    this.packets.send({ cmd: 'disconnect', reasonCode: 0, ...goodbye })
    this.packets.end()
  }
}
