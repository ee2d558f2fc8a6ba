import { EngineMissing, type Launcher } from '../launcher.js'
import { exchange, httpOk } from '../process/probe.js'
import { mqttConnect, mqttPassword, mqttSettings, mqttUrl, mqttUser } from './mqtt.js'

const elsewhere =
  'EMQX is in none of the package registries: run it by Docker, or name one that runs by PDVEND_TEST_EMQX=mqtt://user:password@host:port'

/** MQTT 5; 5.8 is the last series under Apache-2.0. By Docker alone; ports: MQTT, MQTT over WebSocket, HTTP API. */
export const emqx: Launcher = {
  name: 'emqx',
  title: 'EMQX',
  versions: ['5.8.6'],
  variable: 'PDVEND_TEST_EMQX',
  ports: 3,
  elsewhere,
  container: {
    image: (version) => `emqx/emqx:${version}`,
    data: '/opt/emqx/data',
    ports: [1883, 8083, 18083],
    env: () => ({
      EMQX_DASHBOARD__DEFAULT_PASSWORD: mqttPassword,
      EMQX_AUTHENTICATION__1: '{mechanism = password_based, backend = built_in_database, user_id_type = username, bootstrap_type = plain}',
      EMQX_MQTT__MAX_MQUEUE_LEN: 'infinity',
    }),
    url: ({ ports }) => `${mqttUrl(ports[0]!, ports[1]!)}&api=${ports[2]}`,
    async ready({ ports }) {
      const answer = await exchange(ports[0]!, mqttConnect, (bytes) => bytes.length >= 4)
      return answer[0] === 0x20 && (await httpOk(`http://127.0.0.1:${ports[2]}/status`)) && (await addUser(ports[2]!))
    },
  },
  settings: mqttSettings,
  find: async () => undefined,
  async provision() {
    throw new EngineMissing(elsewhere)
  },
  async plan() {
    throw new EngineMissing(elsewhere)
  },
}

/** The client that may do everything; one that is there already is as good. */
async function addUser(port: number): Promise<boolean> {
  const api = `http://127.0.0.1:${port}/api/v5`
  const json = { 'content-type': 'application/json' }
  const login = await fetch(`${api}/login`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ username: 'admin', password: mqttPassword }),
  })
  const { token } = (await login.json()) as { token: string }
  const user = { user_id: mqttUser, password: mqttPassword, is_superuser: true }
  const added = await fetch(`${api}/authentication/password_based%3Abuilt_in_database/users`, {
    method: 'POST',
    headers: { ...json, authorization: `Bearer ${token}` },
    body: JSON.stringify(user),
  })
  return added.ok || added.status === 409
}
