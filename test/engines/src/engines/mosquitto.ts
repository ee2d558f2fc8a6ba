import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { access, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineMissing, type Launcher, type Place } from '../launcher.js'
import { exchange } from '../process/probe.js'
import { aptUnpack, isAtLeast, libraryPath, versionOf } from '../provision/apt.js'
import { cacheRoot, findCached } from '../provision/cache.js'
import { mqttConnect, mqttPassword, mqttSettings, mqttUrl, mqttUser } from './mqtt.js'

const programs = ['usr/sbin/mosquitto', 'sbin/mosquitto']
const plugins = ['usr/lib/*/mosquitto_dynamic_security.so', 'usr/lib/mosquitto_dynamic_security.so', 'lib/mosquitto_dynamic_security.so']
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
    for (const home of ['/', '/usr/local', '/opt/homebrew']) {
      const command = await fileUnder(home, programs)
      const security = await fileUnder(home, plugins)
      if (command !== undefined && security !== undefined && isAtLeast(await versionOf(command, '-h'), version)) return home
    }
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
    const command = await fileUnder(home, programs)
    const security = await fileUnder(home, plugins)
    if (command === undefined || security === undefined)
      throw new EngineMissing(`Mosquitto or its dynamic-security plug-in is not under ${home}`)
    const env = home.startsWith(cacheRoot()) ? { LD_LIBRARY_PATH: await libraryPath(home) } : {}
    const actual = await versionOf(command, '-h', env)
    if (!isAtLeast(actual, place.version))
      throw new EngineMissing(`Mosquitto ${place.version} or later is needed; this machine's packages have ${actual}`)
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

/** The first of the files that is there; a star stands for one folder, such as Debian's for the architecture. */
async function fileUnder(home: string, patterns: readonly string[]): Promise<string | undefined> {
  for (const pattern of patterns) {
    const [before, after] = pattern.split('/*/') as [string, string?]
    const folders = after === undefined ? [''] : await readdir(join(home, before)).catch(() => [])
    for (const folder of folders) {
      const path = join(home, before, folder, after ?? '')
      if (
        await access(path).then(
          () => true,
          () => false,
        )
      )
        return path
    }
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
