import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mosquitto } from '../engines/mosquitto.js'
import { mqttPassword, mqttUser } from '../engines/mqtt.js'
import { makePlace, runOn, toStandardError } from '../launch.js'
import type { Place, Report, RunningEngine } from '../launcher.js'
import { sweep } from '../process/run-folder.js'
import { MAX_IN_FLIGHT } from './limits.js'

/** A Mosquitto that only the bridge has the password of, without rules: those are the bridge's. */
export async function startHiddenBroker(report: Report = toStandardError): Promise<RunningEngine> {
  await sweep()
  const [version] = mosquitto.versions
  const home = (await mosquitto.find(version)) ?? (await mosquitto.provision(version, report))
  const place = await makePlace(mosquitto, version, 'mine')
  const plan = await mosquitto.plan(home, place)
  return runOn(mosquitto, place, { ...plan, prepare: () => writeConfiguration(place) })
}

async function writeConfiguration({ folder, data, ports: [port] }: Place): Promise<void> {
  const passwords = join(folder, 'passwords')
  const salt = randomBytes(12)
  const iterations = 101
  const hash = pbkdf2Sync(mqttPassword, salt, iterations, 64, 'sha512').toString('base64')
  await writeFile(passwords, `${mqttUser}:$7$${iterations}$${salt.toString('base64')}$${hash}\n`, { mode: 0o600 })
  const lines = [
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    'allow_anonymous false',
    `password_file ${passwords}`,
    'persistence true',
    `persistence_location ${data}/`,
    'autosave_interval 1',
    'max_queued_messages 0',
    `max_inflight_messages ${MAX_IN_FLIGHT}`,
    'set_tcp_nodelay true',
    'log_type error',
    'log_type warning',
    `listener ${port} 127.0.0.1`,
  ]
  await writeFile(join(folder, 'mosquitto.conf'), `${lines.join('\n')}\n`)
}
