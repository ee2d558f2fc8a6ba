import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Launcher, Place, Report } from '../launcher.js'
import { freePorts } from '../process/ports.js'
import { cached, findCached } from '../provision/cache.js'
import { run } from '../provision/command.js'
import { classPath, mavenJars, needJava } from '../provision/maven.js'
import { brokerServes, hasCoordinator } from './kafka-wire.js'

/** C1 only and a class-data archive: three quarters of a naive start is class loading and the optimising compiler. */
const flags = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn']

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
    env: (place) =>
      Object.fromEntries(
        Object.entries(properties({ ...place, data: '/var/lib/kafka/data' }, '0.0.0.0')).map(([key, value]) => [
          `KAFKA_${key.toUpperCase().replaceAll('.', '_')}`,
          value,
        ]),
      ),
    url: ({ ports }) => `127.0.0.1:${ports[0]}`,
    ready: ({ ports }) => brokerServes(ports[0]!),
  },
  settings: (brokers) => ({ PDVEND_JOBS_BROKERS: brokers, PDVEND_TELEMETRY_BROKERS: brokers }),
  async find(version) {
    const home = await findCached('kafka', version)
    const java = await needJava('Apache Kafka').catch(() => undefined)
    if (home === undefined || java === undefined) return undefined
    return (await findCached('kafka', bootVersion(version, java.version))) === undefined ? undefined : home
  },
  async provision(version, report) {
    const artifacts = [`org.apache.kafka:kafka_2.13:${version}`, 'org.slf4j:slf4j-simple:1.7.36']
    const home = await mavenJars({ name: 'kafka', version, artifacts }, report)
    await bootFolder(home, version, report)
    return home
  },
  async plan(home, place) {
    const { java } = await needJava('Apache Kafka')
    const boot = await bootFolder(home, place.version, () => {})
    const file = join(place.folder, 'server.properties')
    return {
      url: `127.0.0.1:${place.ports[0]}`,
      command: java,
      args: [...flags, `-XX:SharedArchiveFile=${join(boot, 'classes.jsa')}`, '-cp', await classPath(home), 'kafka.Kafka', file],
      prepare: async () => {
        await writeProperties(file, place)
        if ((await readdir(place.data)).length === 0) await cp(join(boot, 'template'), place.data, { recursive: true })
      },
      ready: () => brokerServes(place.ports[0]!),
    }
  },
}

/** The class-data archive fits one Java only. */
const bootVersion = (version: string, javaVersion: string): string => `${version}-boot-java-${javaVersion}`

/**
 * A data folder to copy and a class-data archive, both from one run of the broker: formatted, its internal topics made (a first group
 * would wait seconds for them), stopped in order.
 */
async function bootFolder(home: string, version: string, report: Report): Promise<string> {
  const { java, version: javaVersion } = await needJava('Apache Kafka')
  return cached({ name: 'kafka', version: bootVersion(version, javaVersion), how: 'one run of the broker' }, report, async (folder) => {
    const place: Place = { version, folder, data: join(folder, 'template'), ports: await freePorts(2) }
    const file = join(folder, 'server.properties')
    await mkdir(place.data)
    await writeProperties(file, place)
    const classes = await classPath(home)
    await run(java, [...flags, '-cp', classes, 'kafka.tools.StorageTool', 'format', '-t', 'cGR2ZW5kLWVuZ2luZXMtMQ', '-c', file])
    const archive = join(folder, 'classes.jsa')
    const broker = spawn(java, [...flags, `-XX:ArchiveClassesAtExit=${archive}`, '-cp', classes, 'kafka.Kafka', file], { stdio: 'ignore' })
    const ended = once(broker, 'exit')
    try {
      await until(() => brokerServes(place.ports[0]!))
      await until(() => hasCoordinator(place.ports[0]!, 'group'))
      await until(() => hasCoordinator(place.ports[0]!, 'transaction'))
    } finally {
      broker.kill('SIGTERM')
      await ended
    }
    await rm(file)
    return ['classes.jsa', 'template/meta.properties']
  })
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(100)) {
    if (await holds().catch(() => false)) return
  }
  throw new Error('Apache Kafka did not serve within two minutes')
}

async function writeProperties(file: string, place: Place): Promise<void> {
  const lines = Object.entries(properties(place, '127.0.0.1')).map(([key, value]) => `${key}=${value}\n`)
  await writeFile(file, lines.join(''))
}

/** One node that needs no second, starts groups at once, and lets share groups have locks short enough for tests. */
function properties({ version, data, ports: [port, controller] }: Place, bind: string): Readonly<Record<string, string>> {
  const single = (topic: string): Record<string, string> => ({
    [`${topic}.replication.factor`]: '1',
    [`${topic}.min.isr`]: '1',
    [`${topic}.num.partitions`]: '1',
  })
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${bind}:${port},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'log.dirs': data,
    // A node that was killed may come back only when its last session has run out: 9 s by default.
    'broker.session.timeout.ms': '2000',
    'broker.heartbeat.interval.ms': '250',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '1',
    ...single('transaction.state.log'),
    'group.initial.rebalance.delay.ms': '0',
    'log.cleaner.dedupe.buffer.size': '2097152',
    'auto.create.topics.enable': 'false',
    ...(version.startsWith('3.') ? {} : shareGroups(version, single)),
  }
}

function shareGroups(version: string, single: (topic: string) => Record<string, string>): Readonly<Record<string, string>> {
  return {
    ...single('share.coordinator.state.topic'),
    'group.share.min.record.lock.duration.ms': '1000',
    'group.share.record.lock.duration.ms': '3000',
    'group.share.min.heartbeat.interval.ms': '500',
    'group.share.heartbeat.interval.ms': '1000',
    'group.share.min.session.timeout.ms': '3000',
    'group.share.session.timeout.ms': '4000',
    'group.share.assignment.interval.ms': '0',
    'group.share.max.delivery.count.limit': '25',
    ...(version.startsWith('4.4') ? { 'errors.deadletterqueue.auto.create.topics.enable': 'true' } : {}),
  }
}
