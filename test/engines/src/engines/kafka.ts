import { cp, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Launcher, Place } from '../launcher.js'
import { findCached } from '../provision/cache.js'
import { mavenJars } from '../provision/maven.js'
import { bootFolder, brokerCommand, findBoot } from './kafka-boot.js'
import { alone, properties, writeProperties } from './kafka-properties.js'
import { brokerServes } from './kafka-wire.js'

/** Apache Kafka as one KRaft node, broker and controller. Ports: broker, controller. Share groups from 4.2 on. */
export const kafka: Launcher = {
  name: 'kafka',
  title: 'Apache Kafka',
  versions: ['4.4.0', '4.2.2', '3.9.2'],
  variable: 'PDVEND_TEST_KAFKA',
  ports: 2,
  container: {
    image: (version) => `apache/kafka:${version}`,
    data: '/var/lib/kafka/data',
    env: containerEnvironment,
    url: ({ ports }) => `127.0.0.1:${ports[0]}`,
    ready: ({ ports }) => brokerServes(ports[0]!),
  },
  settings: (brokers) => ({ PDVEND_JOBS_BROKERS: brokers, PDVEND_TELEMETRY_BROKERS: brokers }),
  find: async (version) => ((await findBoot(version)) === undefined ? undefined : findCached('kafka', version)),
  async provision(version, report) {
    const artifacts = [`org.apache.kafka:kafka_2.13:${version}`, 'org.slf4j:slf4j-simple:1.7.36']
    const home = await mavenJars({ name: 'kafka', version, artifacts }, report)
    await bootFolder(home, version, report)
    return home
  },
  async plan(home, place) {
    const boot = await bootFolder(home, place.version, () => {})
    const file = join(place.folder, 'server.properties')
    return {
      url: `127.0.0.1:${place.ports[0]}`,
      ...(await brokerCommand(home, boot, file)),
      prepare: async () => {
        await writeProperties(file, place)
        if ((await readdir(place.data)).length === 0) await cp(join(boot, 'template'), place.data, { recursive: true })
      },
      ready: () => brokerServes(place.ports[0]!),
    }
  },
}

/** The image takes each property as a variable. */
function containerEnvironment(place: Place): Readonly<Record<string, string>> {
  const inside = { ...place, data: '/var/lib/kafka/data' }
  const entries = Object.entries(properties(inside, '0.0.0.0', alone(place)))
  return Object.fromEntries(entries.map(([key, value]) => [`KAFKA_${key.toUpperCase().replaceAll('.', '_')}`, value]))
}
