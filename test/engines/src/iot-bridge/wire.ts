import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { createWebSocketStream, type WebSocket } from 'ws'
import { PacketStream } from './packet-stream.js'
import type { IotCredentials } from './types.js'

/** How a client came: by TCP or by WebSocket. */
export interface Wire {
  readonly packets: PacketStream
  readonly socket: Socket
  /** The request that opened the WebSocket. */
  readonly upgrade?: IncomingMessage
  /** Who signed its address. */
  readonly signedBy?: IotCredentials
  /** Did the other side close it in order? A Close frame of a WebSocket counts as the client's goodbye. */
  saidGoodbye(): boolean
}

export function tcpWire(socket: Socket): Wire {
  socket.setNoDelay(true)
  return { packets: new PacketStream(socket, 4, () => socket.destroy()), socket, saidGoodbye: () => false }
}

export function webSocketWire(webSocket: WebSocket, upgrade: IncomingMessage, signedBy: IotCredentials | undefined): Wire {
  const { socket } = upgrade
  socket.setNoDelay(true)
  let closed = false
  // 1006 stands for a connection that ended without a Close frame.
  webSocket.once('close', (code) => (closed = code !== 1006))
  const stream = createWebSocketStream(webSocket)
  return {
    packets: new PacketStream(stream, 4, () => stream.destroy()),
    socket,
    upgrade,
    ...(signedBy !== undefined && { signedBy }),
    saidGoodbye: () => closed,
  }
}
