import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { access, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineMissing, type Launcher, type Place } from '../launcher.js'
import { exchange } from '../process/probe.js'
import { aptUnpack, isAtLeast, libraryPath, versionOf } from '../provision/apt.js'
import { findCached } from '../provision/cache.js'
import { mqttConnect, mqttPassword, mqttSettings, mqttUrl, mqttUser } from './mqtt.js'

const plugin = 'mosquitto_dynamic_security.so'
const ready = (port: number): Promise<boolean> =>
  exchange(port, mqttConnect, (answer) => answer.length >= 4).then((answer) => answer[0] === 0x20)

/** MQTT 5, the on-prem profile's broker here. Access rules by the dynamic-security plug-in; ports: MQTT, MQTT over WebSocket. */
export const mosquitto: Launcher = {
  name: 'mosquitto',
  title: 'Mosquitto',
  versions: ['2.0'],
  variable: 'PDVEND_TEST_MOSQUITTO',
  ports: 2,
  settings: mqttSettings,
  async find(version) {
    if (isAtLeast(await versionOf('/usr/sbin/mosquitto', '-h'), version) && (await pluginPath('/')) !== undefined) return '/'
    return findCached('mosquitto', version)
  },
  provision: (version, report) =>
    aptUnpack(
      {
        name: 'mosquitto',
        version,
        packages: ['mosquitto'],
        proof: /^usr\/sbin\/mosquitto$|mosquitto_dynamic_security\.so$/,
        otherwise: `install Mosquitto ${version} or later with its dynamic-security plug-in`,
      },
      report,
    ),
  async plan(home, place) {
    const [port, webSocketPort] = place.ports
    const command = join(home, 'usr/sbin/mosquitto')
    const env = home === '/' ? {} : { LD_LIBRARY_PATH: await libraryPath(home) }
    const actual = await versionOf(command, '-h', env)
    if (!isAtLeast(actual, place.version))
      throw new EngineMissing(`Mosquitto ${place.version} or later is needed; this machine's packages have ${actual}`)
    const security = await pluginPath(home)
    if (security === undefined) throw new Error(`${plugin} is not under ${home}`)
    return {
      url: mqttUrl(port!, webSocketPort!),
      version: actual!,
      command,
      env,
      args: ['-c', join(place.folder, 'mosquitto.conf')],
      prepare: () => writeConfiguration(place, security),
      ready: () => ready(port!),
    }
  },
}

async function pluginPath(home: string): Promise<string | undefined> {
  const libraries = join(home, 'usr/lib')
  const folders = (await readdir(libraries).catch(() => [])).filter((name) => name.includes('-linux-')).map((name) => join(libraries, name))
  for (const folder of [...folders, libraries]) {
    const path = join(folder, plugin)
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}

/** Saved every second, so that a broker killed a second after the last message comes back with it; the default is half an hour. */
async function writeConfiguration({ folder, data, ports: [port, webSocketPort] }: Place, security: string): Promise<void> {
  const rules = join(data, 'dynamic-security.json')
  await writeFile(rules, JSON.stringify(firstRules()), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const lines = [
    'per_listener_settings false',
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    'allow_anonymous false',
    `plugin ${security}`,
    `plugin_opt_config_file ${rules}`,
    'persistence true',
    `persistence_location ${data}/`,
    'autosave_interval 1',
    'max_queued_messages 0',
    'log_type error',
    'log_type warning',
    `listener ${port} 127.0.0.1`,
    `listener ${webSocketPort} 127.0.0.1`,
    'protocol websockets',
  ]
  await writeFile(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n`)
}

/** One client that may do everything, this plug-in's administration included; nobody else may do anything. */
function firstRules(): unknown {
  const salt = randomBytes(12)
  const iterations = 101
  const password = pbkdf2Sync(mqttPassword, salt, iterations, 64, 'sha512').toString('base64')
  const kinds = ['publishClientSend', 'publishClientReceive', 'subscribePattern', 'unsubscribePattern']
  const acls = ['#', '$CONTROL/dynamic-security/#'].flatMap((topic) =>
    kinds.map((acltype) => ({ acltype, topic, priority: 0, allow: true })),
  )
  return {
    defaultACLAccess: { publishClientSend: false, publishClientReceive: true, subscribe: false, unsubscribe: true },
    clients: [{ username: mqttUser, password, salt: salt.toString('base64'), iterations, roles: [{ rolename: 'app' }] }],
    groups: [],
    roles: [{ rolename: 'app', acls }],
  }
}
