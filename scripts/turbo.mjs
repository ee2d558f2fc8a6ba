// Runs Turborepo the way this repository wants it: without telemetry, as many tasks as fit, and with the version of Node
// in the hash of a test's result, so that a run on Node 24 does not replay what Node 20 found.
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Starts `turbo ...args` and resolves with its exit code. */
export async function turbo(args) {
  const concurrency = args.some((arg) => arg.startsWith('--concurrency'))
    ? []
    : [`--concurrency=${Math.max(2, availableParallelism() / 2)}`]
  const { code } = await start(args[0] === 'run' ? [...args, ...concurrency] : args, 'inherit')
  return code
}

/** The names of the workspaces in which `turbo run <task> ...args` would run the task. */
export async function workspacesWith(task, args) {
  const { code, output } = await start(['run', task, '--dry=json', ...args], 'pipe')
  if (code !== 0) return []
  const { tasks } = JSON.parse(output.slice(output.indexOf('{')))
  return tasks.filter((each) => each.task === task && each.command !== '<NONEXISTENT>').map((each) => each.package)
}

async function start(args, stdout) {
  const child = spawn(join(root, 'node_modules/.bin/turbo'), args, {
    cwd: root,
    stdio: ['ignore', stdout, 'inherit'],
    shell: process.platform === 'win32',
    env: {
      TURBO_TELEMETRY_DISABLED: '1',
      TURBO_NO_UPDATE_NOTIFIER: '1',
      ...process.env,
      NODE_MAJOR: process.versions.node.split('.')[0],
    },
  })
  const output = child.stdout === null ? '' : text(child.stdout)
  const code = await new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(`turbo could not start: ${error.message}. Run npm ci first.`)
      resolve(1)
    })
    child.on('close', (status) => resolve(status ?? 1))
  })
  return { code, output: await output }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.exit(await turbo(process.argv.slice(2)))
