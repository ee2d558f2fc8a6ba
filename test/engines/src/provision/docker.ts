import { rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Container, Launcher, Place, Report, RunningEngine } from '../launcher.js'
import { findTool, run } from './command.js'

const readyWithinMs = 120_000
let answers: Promise<boolean> | undefined

/** True where a Docker engine answers, not merely its client. Asked once a process. */
export function dockerAnswers(): Promise<boolean> {
  answers ??= (async () => {
    const docker = await findTool('docker')
    if (docker === undefined) return false
    return run(docker, ['version', '--format', '{{.Server.Version}}'], { timeoutMs: 5_000 }).then(
      (text) => text.trim() !== '',
      () => false,
    )
  })()
  return answers
}

/** Runs the engine's image, its ports on loopback and its data in a volume of the container's name. */
export async function startContainer(launcher: Launcher, container: Container, place: Place, report: Report): Promise<RunningEngine> {
  const name = `pdvend-${basename(place.folder)}`.toLowerCase()
  const docker = (...args: string[]): Promise<string> => run('docker', args, { report })
  const url = container.url(place)
  const untilReady = async (): Promise<void> => {
    for (const deadline = Date.now() + readyWithinMs; Date.now() < deadline; await sleep(100)) {
      if (await container.ready(place).catch(() => false)) return
    }
    throw new Error(
      `${launcher.title} did not serve within ${readyWithinMs / 1_000} s in its container: ${await docker('logs', '--tail', '15', name)}`,
    )
  }
  const create = async (): Promise<void> => {
    await docker(...createArguments(container, place, name))
    await untilReady()
  }
  const stop = async (): Promise<void> => {
    await removeContainer(name)
    await rm(place.folder, { recursive: true, force: true })
  }
  await writeFile(join(place.folder, 'container'), name)
  report(`${launcher.title} ${place.version}: docker run ${container.image(place.version)}`)
  await create().catch(async (error: unknown) => {
    await stop()
    throw error
  })
  return {
    engine: launcher.name,
    name: launcher.title,
    version: place.version,
    url,
    env: launcher.settings(url),
    pid: undefined,
    folder: place.folder,
    log: () => docker('logs', name),
    async restart() {
      await docker('restart', name)
      await untilReady()
    },
    async kill() {
      await docker('kill', name)
      await docker('start', name)
      await untilReady()
    },
    async down(how) {
      await docker(how === 'killed' ? 'kill' : 'stop', name)
      return async () => {
        await docker('start', name)
        await untilReady()
      }
    },
    async wipe() {
      await removeContainer(name)
      await create()
    },
    async pause() {
      await docker('pause', name)
      return async () => void (await docker('unpause', name))
    },
    stop,
  }
}

/** Removes a container with its data, also one that runs. */
export async function removeContainer(name: string): Promise<void> {
  await run('docker', ['rm', '-f', '-v', name])
  await run('docker', ['volume', 'rm', '-f', name])
}

/** `docker run …` for one place; the image's own default user and entry point stay. */
export function createArguments(container: Container, place: Place, name: string): string[] {
  const publish = place.ports.map((port, index) => `127.0.0.1:${port}:${container.ports?.[index] ?? port}`)
  return [
    ...['run', '--detach', '--name', name, '--volume', `${name}:${container.data}`],
    ...publish.flatMap((mapping) => ['--publish', mapping]),
    ...Object.entries(container.env?.(place) ?? {}).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    container.image(place.version),
    ...(container.args?.(place) ?? []),
  ]
}
