import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { AnyAdapter } from '@pdvend/ports'

/** What a child needs to open the same adapter. */
export interface ChildTask {
  readonly module: string
  readonly env: Readonly<Record<string, string>>
  readonly args: Readonly<Record<string, unknown>>
}

/** A script that runs in a process of its own. */
export type ChildScript = (task: {
  readonly manifest: AnyAdapter
  readonly env: Readonly<Record<string, string>>
  readonly args: Readonly<Record<string, unknown>>
  /** Tells the parent; gone once the parent has it in its pipe. */
  send(message: unknown): void
}) => Promise<void>

/** A running child. */
export interface Child {
  readonly process: ChildProcess
  /** What it has sent so far. */
  readonly messages: readonly unknown[]
  /** Resolves with the first message that fits, past ones included; rejects when the child ends without one. */
  message(fits?: (message: unknown) => boolean): Promise<unknown>
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>
  /** Resolves with the exit code; rejects when the script threw. */
  done(): Promise<number | null>
}

/** Starts `script` in a child process. */
export function spawnChild(script: URL, task: ChildTask): Child {
  const main = new URL('./child-main.js', import.meta.url)
  const child = fork(fileURLToPath(main), [script.href, JSON.stringify(task)], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  const messages: unknown[] = []
  let errors = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text))
  child.on('message', (message) => messages.push(message))
  const exited = ended(child)
  return {
    process: child,
    messages,
    async message(fits = () => true) {
      for (;;) {
        const found = messages.find(fits)
        if (found !== undefined) return found
        const arrived = once(child, 'message')
        const which = await Promise.race([arrived.then(() => 'message'), exited.then(() => 'exit')])
        if (which === 'exit' && !messages.some(fits)) throw new Error(`the child ended without the message: ${errors}`)
      }
    },
    async kill() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
      await exited
    },
    async done() {
      const [code] = await exited
      if (code !== 0 && code !== null) throw new Error(`the child ended with ${code}: ${errors}`)
      return code
    },
  }
}

/** Code and signal, once every message is here: `exit` may come before the last of them, and each is told in a later turn. */
async function ended(child: ChildProcess): Promise<[number | null, string | null]> {
  const how = (await once(child, 'close')) as [number | null, string | null]
  while (child.connected) await new Promise((resolve) => setTimeout(resolve, 1))
  await new Promise((resolve) => setImmediate(resolve))
  return how
}
