import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineMissing, type Report } from '../launcher.js'
import { cached } from './cache.js'
import { needTool, run } from './command.js'

/** Jars of one artifact and all that it needs at run time. */
export interface JarSet {
  readonly name: string
  readonly version: string
  /** `group:artifact:version`, the first one being what the set is about. */
  readonly artifacts: readonly string[]
  /** Adds to the folder once the jars are in `libs`; returns the files to stamp. */
  readonly finish?: (folder: string) => Promise<readonly string[]>
}

/** Java 17 or later; throws {@link EngineMissing} where there is none. */
export async function needJava(forWhat: string): Promise<{ readonly java: string; readonly version: string }> {
  const java = await needTool('java', `${forWhat} runs on Java 17 or later`)
  const text = await run('/bin/sh', ['-c', '"$0" -version 2>&1', java]).catch((cause: unknown) => {
    throw new EngineMissing(`java does not run; ${forWhat} needs Java 17 or later`, { cause })
  })
  const version = /version "([^"]+)"/.exec(text)?.[1] ?? ''
  if (Number(version.split('.')[0]) < 17) throw new EngineMissing(`${forWhat} needs Java 17 or later; this machine has ${version}`)
  return { java, version }
}

/** Copies the jars into `libs`. Maven verifies each against the checksum of its repository (`-C`: a difference fails). */
export async function mavenJars(set: JarSet, report: Report): Promise<string> {
  await needJava(set.name)
  const mvn = await needTool('mvn', `${set.name} is fetched by Apache Maven`)
  return cached({ name: set.name, version: set.version, how: 'maven' }, report, async (folder) => {
    await writeFile(join(folder, 'pom.xml'), pom(set.artifacts))
    const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
    const args = [
      '-B',
      '-ntp',
      '-q',
      '-C',
      '-f',
      join(folder, 'pom.xml'),
      goal,
      `-DoutputDirectory=${join(folder, 'libs')}`,
      '-DincludeScope=runtime',
    ]
    await run(mvn, args, { report: (line) => report(`${set.name}: ${line}`), low: true })
    const jars = (await readdir(join(folder, 'libs'))).sort()
    const [, artifact, version] = set.artifacts[0]!.split(':')
    if (!jars.includes(`${artifact}-${version}.jar`)) throw new Error(`${set.name}: Maven brought no ${artifact}-${version}.jar`)
    return [...jars.map((jar) => `libs/${jar}`), ...((await set.finish?.(folder)) ?? [])]
  })
}

/** An explicit class path in one order: a wildcard's order differs between machines and voids class-data archives. */
export async function classPath(home: string): Promise<string> {
  return (await readdir(join(home, 'libs')))
    .sort()
    .map((jar) => join(home, 'libs', jar))
    .join(':')
}

function pom(artifacts: readonly string[]): string {
  const dependencies = artifacts.map((coordinates) => {
    const [group, artifact, version] = coordinates.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>pdvend</groupId><artifactId>engine</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>${dependencies.join('\n')}</dependencies></project>
`
}
