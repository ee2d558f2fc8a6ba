import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { launcherOf } from './catalog.js'
import { isChosen, knownMissing } from './choice.js'
import { EngineMissing, type EngineName, type Launcher, type Place, type Plan, type Report, type RunningEngine } from './launcher.js'
import { EngineProcess } from './process/engine-process.js'
import { freePorts } from './process/ports.js'
import { makeRunFolder, sweep, type Ownership } from './process/run-folder.js'
import { dockerAnswers, startContainer } from './provision/docker.js'

export interface LaunchOptions {
  /** One of the launcher's; default its first. */
  readonly version?: string
  /** Gets progress. Default: standard error. */
  readonly report?: Report
  /** Default `mine`: it ends with this process, even when that is killed. */
  readonly ownership?: Ownership
  /** Takes the engine that the environment names, where one is named. Default true; false where a test must be able to break it. */
  readonly named?: boolean
}

/** Progress, where nobody else takes it. */
export const toStandardError: Report = (line) => void process.stderr.write(`[engines] ${line}\n`)
const attempts = 3

/**
 * A running engine: the one that the environment names; else one of our own, from the cache, from Docker where it answers, or
 * provisioned by this machine's package managers.
 * @throws {@link EngineMissing} with the reason, where this machine cannot have it.
 */
export async function startEngine(name: EngineName, options: LaunchOptions = {}): Promise<RunningEngine> {
  const launcher = launcherOf(name)
  const { version = launcher.versions[0], report = toStandardError, ownership = 'mine', named = true } = options
  if (!launcher.versions.includes(version))
    throw new EngineMissing(`${launcher.title} ${version} is not one of ${launcher.versions.join(', ')}`)
  const url = process.env[launcher.variable]
  if (named && url) return namedEngine(launcher, url)
  await sweep()
  const home = await launcher.find(version)
  if (home === undefined && launcher.container !== undefined && (await dockerAnswers())) {
    return startContainer(launcher, launcher.container, await makePlace(launcher, version, ownership), report)
  }
  return startOwn(launcher, home ?? (await launcher.provision(version, report)), version, ownership)
}

/**
 * Why this machine cannot have the engine, or undefined once it is provisioned. For a test file's first line, since it may take
 * minutes. With `CI=true` a missing engine is no reason to skip: it throws. A reason that begins with `left out` is never a failure.
 */
export async function whyMissing(
  name: EngineName,
  options: Pick<LaunchOptions, 'version' | 'report' | 'named'> = {},
): Promise<string | undefined> {
  const launcher = launcherOf(name)
  const { version = launcher.versions[0], report = toStandardError, named = true } = options
  if (!isChosen(name, version)) return `left out by PDVEND_TEST_ENGINES: ${launcher.title} ${version}`
  try {
    await provide(launcher, version, report, named)
    return undefined
  } catch (error) {
    if (process.env['CI'] === 'true' && launcher.elsewhere === undefined) throw error
    const reason = `${launcher.title} ${version}: ${error instanceof Error ? error.message : String(error)}`
    return launcher.elsewhere === undefined ? reason : `left out where no Docker answers: ${reason}`
  }
}

/** Makes sure that the engine can be started. @throws {@link EngineMissing}, or what went wrong while it was provisioned */
export async function provide(launcher: Launcher, version: string, report: Report, named: boolean): Promise<void> {
  if (named && process.env[launcher.variable]) return
  const known = knownMissing(launcher.name, version)
  if (known !== undefined) throw new EngineMissing(known)
  if ((await launcher.find(version)) !== undefined) return
  if (launcher.container !== undefined && (await dockerAnswers())) return
  await launcher.provision(version, report)
}

/** Runs on whatever version it is; nobody but its owner may break or empty it. */
function namedEngine(launcher: Launcher, url: string): RunningEngine {
  return {
    engine: launcher.name,
    name: launcher.title,
    version: `named by ${launcher.variable}`,
    url,
    env: launcher.settings(url),
    pid: undefined,
    folder: '',
    log: async () => '',
    stop: async () => {},
  }
}

/** A folder and ports for one run. */
export async function makePlace(launcher: Launcher, version: string, ownership: Ownership): Promise<Place> {
  const folder = await makeRunFolder(launcher.name, ownership)
  return { version, folder, data: join(folder, 'data'), ports: await freePorts(launcher.ports) }
}

/** Another process may take a port between our look and the engine's start: then once more on others. */
async function startOwn(launcher: Launcher, home: string, version: string, ownership: Ownership): Promise<RunningEngine> {
  for (let attempt = 1; ; attempt++) {
    const place = await makePlace(launcher, version, ownership)
    try {
      return await runOn(launcher, place, await launcher.plan(home, place))
    } catch (error) {
      await rm(place.folder, { recursive: true, force: true })
      if (attempt === attempts || !/address.*in use|bind/i.test(String(error))) throw error
    }
  }
}

/** Starts the plan; a start that fails leaves nothing. */
export async function runOn(launcher: Launcher, place: Place, plan: Plan): Promise<RunningEngine> {
  const running = new EngineProcess(`${launcher.title} ${place.version}`, plan, place)
  await running.start().catch(async (error: unknown) => {
    await rm(place.folder, { recursive: true, force: true })
    throw error
  })
  return handle(launcher, place, plan, running)
}

function handle(launcher: Launcher, place: Place, { url, version = place.version }: Plan, running: EngineProcess): RunningEngine {
  return {
    engine: launcher.name,
    name: launcher.title,
    version,
    url,
    env: launcher.settings(url),
    get pid() {
      return running.pid
    },
    folder: place.folder,
    log: () => running.log(),
    async restart() {
      await running.stop()
      await running.start()
    },
    async kill() {
      await running.kill()
      await running.start()
    },
    async down(how) {
      if (how === 'killed') await running.kill()
      else await running.stop()
      return () => running.start()
    },
    async wipe() {
      await running.kill()
      await rm(place.data, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
      await mkdir(place.data)
      await running.start()
    },
    pause: () => running.pause(),
    async stop() {
      await running.kill()
      await rm(place.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
    },
  }
}
