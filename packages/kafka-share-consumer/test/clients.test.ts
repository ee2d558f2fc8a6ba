import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from '@jest/globals'
import { startEngine, whyMissing } from '@pdvend/engines'
import { produce, setUp } from './kafka.js'

const run = promisify(execFile)
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** @platformatic/kafka 2 needs Node 22.22; it runs in a process of its own, on this Node or on one that was installed for the matrix. */
function newerNode(): string | undefined {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 22)) return process.execPath
  const cache = process.env['PDVEND_CACHE_DIR'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'pdvend')
  return ['22.23.3', '24.21.0']
    .map((version) => join(cache, `node-${version}/node_modules/node-linux-${process.arch}/bin/node`))
    .find(existsSync)
}

for (const [client, node] of [
  ['@platformatic/kafka', process.execPath],
  ['@platformatic/kafka-2', newerNode()],
] as const) {
  const title = `accept, release, reject and renew with ${client === '@platformatic/kafka' ? client : '@platformatic/kafka 2'}`
  const missing = node === undefined ? 'no Node 22.22 or later; .ci/run installs it' : undefined
  const reason = missing ?? (await whyMissing('kafka', { version: '4.4.0', named: false }))
  if (node === undefined || reason !== undefined) test.skip(`${title} (skipped: ${reason})`, () => {})
  else
    test(
      title,
      async () => {
        const engine = await startEngine('kafka', { version: '4.4.0', named: false })
        const folder = await installWith(client)
        try {
          const bench = await setUp(engine.url, { lockMs: 2_000 })
          await produce(bench, 0, 100)
          const { stdout } = await run(node, [join(folder, 'app.mjs'), JSON.stringify(bench)], { timeout: 60_000 })
          assert.deepEqual(JSON.parse(stdout), { renew: true, accepted: 99, released: 20, lost: 0, left: 0 })
        } finally {
          await rm(folder, { recursive: true })
          await engine.stop()
        }
      },
      120_000,
    )
}

/** A project in which this package finds that client, as an app has it. */
async function installWith(client: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kafka-share-consumer-'))
  const modules = join(folder, 'node_modules')
  const mine = join(modules, '@pdvend/kafka-share-consumer')
  await mkdir(join(modules, '@platformatic'), { recursive: true })
  await mkdir(mine, { recursive: true })
  await cp(here('../dist'), join(mine, 'dist'), { recursive: true })
  await cp(here('../package.json'), join(mine, 'package.json'))
  await symlink(await realpath(here(`../../../node_modules/${client}`)), join(modules, '@platformatic/kafka'))
  await writeFile(join(folder, 'app.mjs'), app)
  return folder
}

const app = `
import { ShareConsumer } from '@pdvend/kafka-share-consumer'
const { bootstrapBrokers, topic, groupId } = JSON.parse(process.argv[2])
const { renew } = await ShareConsumer.isSupported({ bootstrapBrokers })
const consumer = await ShareConsumer.open({ bootstrapBrokers, groupId, topics: [topic] })
const result = { renew, accepted: 0, released: 0, lost: 0 }
for (let idle = 0; idle < (result.accepted === 0 ? 40 : 5); ) {
  const records = await consumer.poll({ maxRecords: 10, waitMs: 500 })
  idle = records.length === 0 ? idle + 1 : 0
  await Promise.all(records.map(async (record) => {
    const n = Number(record.value.toString())
    await record.renew()
    if (n === 50) return record.reject()
    if (n % 5 === 1 && record.deliveryCount === 1) return record.release().then(() => result.released++)
    await record.accept().then(() => result.accepted++, () => result.lost++)
  }))
}
result.left = consumer.state.held
await consumer.close()
console.log(JSON.stringify(result))
`
