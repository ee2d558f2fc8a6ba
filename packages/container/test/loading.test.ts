import { expect, test } from '@jest/globals'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { useOwnDirectory } from './own-directory.js'

const directory = useOwnDirectory()

/** The packages, ours apart, that a process of its own has loaded once it ran `code`. */
function loadedBy(code: string): readonly string[] {
  const script = fileURLToPath(new URL('./children/loaded.mjs', import.meta.url))
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, code, directory], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return (JSON.parse(stdout) as string[]).filter((name) => !name.startsWith('@pdvend/'))
}

const vendors = ['libsql', 'aedes', 'mqtt', 'ws']

const start = (only: string, env = '') => `
  const { defineApp } = await load('@pdvend/container')
  const { local, noopTelemetry } = await load('@pdvend/local')
  const app = defineApp({ profiles: { local }, adapters: [noopTelemetry], signals: [] })
  const running = await app.start({ PDVEND_LOCAL_DIR: directory, ${env} }, { only: ${only} })
  return () => running.close()`

test('importing every preset loads no vendor module', () => {
  const loaded = loadedBy(`await load('@pdvend/container'); await load('@pdvend/local'); await load('@pdvend/ports')`)
  expect(loaded.filter((name) => !/^(@inversifyjs\/.+|inversify|reflect-metadata|zod|@opentelemetry\/api)$/.test(name))).toEqual([])
  expect(loaded).toContain('inversify')
}, 60_000)

test('starting loads the drivers of the adapters in force, and no others', () => {
  const vendorsOf = (only: string, env?: string): readonly string[] => loadedBy(start(only, env)).filter((name) => vendors.includes(name))
  expect(vendorsOf(`['telemetry']`, `PDVEND_TELEMETRY: 'noop'`)).toEqual([])
  expect(vendorsOf(`['jobs', 'blob']`)).toEqual(['libsql'])
  expect(vendorsOf(`['push']`)).toEqual(vendors.toSorted())
}, 60_000)
