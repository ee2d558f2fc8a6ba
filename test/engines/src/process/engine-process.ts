import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Place, Plan } from '../launcher.js'
import { isAlive, isFrozen, processTree, signalTree } from './process-table.js'

const readyWithinMs = 90_000
const stopWithinMs = 15_000

/** An engine as a process of its own process group: started, probed, frozen, killed and ended by its plan. */
export class EngineProcess {
  private child: ChildProcess | undefined
  private cleared: Promise<void> = Promise.resolve()

  constructor(
    private readonly title: string,
    private readonly plan: Plan,
    private readonly place: Place,
  ) {}

  get pid(): number | undefined {
    return this.child?.pid
  }

  get ended(): boolean {
    return this.child === undefined || this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** Starts it on whatever data there is, and resolves once it serves. A start that fails leaves nothing running. */
  async start(): Promise<void> {
    const { plan, place } = this
    await mkdir(place.data, { recursive: true })
    if (plan.user !== undefined) await Promise.all([place.folder, place.data].map((path) => chown(path, plan.user!.uid, plan.user!.gid)))
    await plan.prepare?.()
    await this.cleared
    const log = await open(join(place.folder, 'log'), 'a')
    try {
      const env = { ...inherited(), ...plan.env }
      // The shell writes its pid, which the engine keeps, and gives way only when that worked: see the reaper.
      const args = ['-c', 'echo $$ > "$0/pid" && exec "$@"', place.folder, plan.command, ...plan.args]
      this.child = spawn('/bin/sh', args, { cwd: place.folder, env, ...plan.user, detached: true, stdio: ['ignore', log.fd, log.fd] })
    } finally {
      await log.close()
    }
    this.child.on('error', () => {})
    this.child.on('exit', () => {
      this.cleared = rm(join(place.folder, 'pid'), { force: true })
    })
    await this.untilReady()
    // A process that is done may end without stopping its engines: the reaper ends them, or they were meant to stay.
    this.child.unref()
  }

  /** Ends it in order; what has not ended after 15 s is killed. */
  async stop(): Promise<void> {
    if (this.ended) return
    const child = this.child!
    child.ref()
    const exited = once(child, 'exit')
    child.kill(this.plan.stopSignal ?? 'SIGTERM')
    const inTime = await Promise.race([exited.then(() => true), sleep(stopWithinMs, false, { ref: false })])
    if (!inTime) await this.kill()
  }

  /** kill -9 of the process and all that it started; resolves when all are gone. */
  async kill(): Promise<void> {
    if (this.ended) return
    const child = this.child!
    child.ref()
    const exited = once(child, 'exit')
    const tree = processTree(child.pid!)
    signalTree(child.pid!, 'SIGKILL')
    if (!this.ended) await exited
    while (tree.some(isAlive)) await sleep(5)
  }

  /** Freezes it with all that it started; the returned function lets it go on. */
  async pause(): Promise<() => Promise<void>> {
    const pid = this.child!.pid!
    signalTree(pid, 'SIGSTOP')
    while (!this.ended && !isFrozen(pid)) await sleep(1)
    return async () => {
      if (!this.ended && this.child?.pid === pid) signalTree(pid, 'SIGCONT')
    }
  }

  async log(): Promise<string> {
    return readFile(join(this.place.folder, 'log'), 'utf8').catch(() => '')
  }

  private async untilReady(): Promise<void> {
    const deadline = Date.now() + readyWithinMs
    for (;;) {
      if (await this.plan.ready().catch(() => false)) return
      if (this.ended || Date.now() > deadline) break
      await sleep(25)
    }
    const how = this.ended
      ? `ended with ${this.child?.signalCode ?? this.child?.exitCode}`
      : `did not serve within ${readyWithinMs / 1_000} s`
    await this.kill()
    const lines = (await this.log()).trim().split('\n').slice(-15).join('\n')
    throw new Error(`${this.title} ${how}; it wrote:\n${lines}`)
  }
}

/** Nothing else of a person's environment reaches an engine: `MINIO_*`, `PG*` or credentials of theirs would change what it does. */
function inherited(): Record<string, string | undefined> {
  return Object.fromEntries(['PATH', 'HOME', 'TMPDIR', 'LANG', 'JAVA_HOME', 'LD_LIBRARY_PATH'].map((name) => [name, process.env[name]]))
}
