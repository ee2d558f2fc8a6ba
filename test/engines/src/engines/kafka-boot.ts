import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Place, Report } from '../launcher.js'
import { freePorts } from '../process/ports.js'
import { cached, findCached } from '../provision/cache.js'
import { run } from '../provision/command.js'
import { classPath, needJava } from '../provision/maven.js'
import { writeProperties } from './kafka-properties.js'
import { brokerServes, hasCoordinator } from './kafka-wire.js'

/** C1 only and a class-data archive: three quarters of a naive start is class loading and the optimising compiler. */
const flags = ['-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Xshare:auto', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn']

/** The command of a broker with the settings in `file`. */
export async function brokerCommand(home: string, boot: string, file: string): Promise<{ command: string; args: readonly string[] }> {
  const { java } = await needJava('Apache Kafka')
  return {
    command: java,
    args: [...flags, `-XX:SharedArchiveFile=${join(boot, 'classes.jsa')}`, '-cp', await classPath(home), 'kafka.Kafka', file],
  }
}

/** The boot folder where it was made already. */
export async function findBoot(version: string): Promise<string | undefined> {
  const java = await needJava('Apache Kafka').catch(() => undefined)
  return java && findCached('kafka', bootVersion(version, java.version))
}

/** The data of a node that is one of several: formatted, with the name of the cluster and nothing else. */
export async function formatNode(boot: string, data: string, id: number): Promise<void> {
  await cp(join(boot, 'formatted'), data, { recursive: true })
  const file = join(data, 'meta.properties')
  const meta = await readFile(file, 'utf8')
  const directory = randomBytes(16).toString('base64url')
  await writeFile(file, meta.replace(/^node\.id=.*$/m, `node.id=${id}`).replace(/^directory\.id=.*$/m, `directory.id=${directory}`))
}

/** The class-data archive fits one Java only. */
const bootVersion = (version: string, javaVersion: string): string => `${version}-boot-java-${javaVersion}`

/**
 * A data folder to copy (`template`), an empty one (`formatted`) and a class-data archive, all from one run of the broker: formatted, its internal topics made (a first group
 * would wait seconds for them), stopped in order.
 */
export async function bootFolder(home: string, version: string, report: Report): Promise<string> {
  const { java, version: javaVersion } = await needJava('Apache Kafka')
  return cached({ name: 'kafka', version: bootVersion(version, javaVersion), how: 'one run of the broker' }, report, async (folder) => {
    const place: Place = { version, folder, data: join(folder, 'template'), ports: await freePorts(2) }
    const file = join(folder, 'server.properties')
    await mkdir(place.data)
    await writeProperties(file, place)
    const classes = await classPath(home)
    await run(java, [...flags, '-cp', classes, 'kafka.tools.StorageTool', 'format', '-t', 'cGR2ZW5kLWVuZ2luZXMtMQ', '-c', file])
    await cp(place.data, join(folder, 'formatted'), { recursive: true })
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
    return ['classes.jsa', 'template/meta.properties', 'formatted/meta.properties']
  })
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await sleep(100)) {
    if (await holds().catch(() => false)) return
  }
  throw new Error('Apache Kafka did not serve within two minutes')
}
