/** The client that may do everything. */
export const mqttUser = 'pdvend-app'
export const mqttPassword = 'pdvend-app-secret'

/** The broker with its credentials; `ws` names the port of MQTT over WebSocket, for devices in browsers. */
export function mqttUrl(port: number, webSocketPort: number): string {
  return `mqtt://${mqttUser}:${mqttPassword}@127.0.0.1:${port}?ws=${webSocketPort}`
}

/** What an MQTT adapter needs: the addresses without the credentials, and those. */
export function mqttSettings(address: string): Readonly<Record<string, string>> {
  const { protocol, host, hostname, username, password, searchParams } = new URL(address)
  const webSocketPort = searchParams.get('ws')
  // EMQX, which has an API, serves WebSockets at one path alone.
  const path = searchParams.has('api') ? '/mqtt' : ''
  return {
    PDVEND_PUSH_URL: `${protocol}//${host}`,
    ...(webSocketPort !== null && { PDVEND_PUSH_WEBSOCKET_URL: `ws://${hostname}:${webSocketPort}${path}` }),
    PDVEND_PUSH_USERNAME: decodeURIComponent(username),
    PDVEND_PUSH_PASSWORD: decodeURIComponent(password),
  }
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length >> 8, value.length & 0xff]), Buffer.from(value)])

/** A CONNECT of MQTT 3.1.1 without credentials: a broker that serves answers with a CONNACK, be it a refusal. */
export const mqttConnect: Buffer = (() => {
  const body = Buffer.concat([text('MQTT'), Buffer.from([4, 2, 0, 10]), text('pdvend-probe')])
  return Buffer.concat([Buffer.from([0x10, body.length]), body])
})()
