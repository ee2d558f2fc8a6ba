import { newId, PortError } from '@pdvend/ports'
import { connect, end, type Endpoint, fenceTopic, type Login, type ProtocolLevel, subscribe } from '@pdvend/push-mqtt'
import { CONTROL_TOPIC, RESPONSE_TOPIC } from './credentials/dynamic-security.js'

/** [P49] Does the broker let in whoever comes without a password? */
export async function letsAnyoneIn(endpoint: Endpoint, level: ProtocolLevel, signal: AbortSignal): Promise<boolean> {
  try {
    const { client } = await connect(endpoint, { clientId: `pdvend~anyone~${newId()}` }, level, signal)
    await end(client, true)
    return true
  } catch (error) {
    signal.throwIfAborted()
    if (PortError.is(error)) return false
    throw error
  }
}

/**
 * Does Mosquitto's dynamic-security plug-in answer us? On a connection of its own, for a broker may drop one that touches
 * `$CONTROL`. Mosquitto answers before it acknowledges what was sent after the question, so nothing is waited for in vain.
 */
export async function hasDynamicSecurity(
  endpoint: Endpoint,
  login: Login,
  level: ProtocolLevel,
  ns: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { client } = await connect(endpoint, { ...login, clientId: `${login.clientId}~probe` }, level, signal)
  let answered = false
  const asking = async (): Promise<void> => {
    client.on('message', () => (answered = true))
    await subscribe(endpoint.broker, client, [RESPONSE_TOPIC])
    const command = { command: 'listClients', verbose: false, count: 1, offset: 0, correlationData: newId() }
    await client.publishAsync(CONTROL_TOPIC, JSON.stringify({ commands: [command] }), { qos: 0 })
    await client.publishAsync(fenceTopic(ns, 'probe'), '', { qos: 1 })
  }
  const gone = new Promise<void>((resolve) => client.once('close', () => resolve()))
  try {
    await Promise.race([asking().catch(() => {}), gone])
    return answered
  } finally {
    await end(client, true)
  }
}
