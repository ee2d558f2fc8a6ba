import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { whyMissing } from '../src/index.js'
import { isAlive } from '../src/process/process-table.js'
import { cacheRoot } from '../src/provision/cache.js'

const main = fileURLToPath(new URL('../dist/cli.js', import.meta.url))
const reason = await whyMissing('redis', { named: false })
const testHere = reason === undefined ? test : test.skip

describe(`the command line${reason === undefined ? '' : ` (${reason})`}`, () => {
  let folder: string
  /** Runs of its own, so that nobody's engines are taken down; the cache is the real one's. */
  const engines = async (...args: string[]): Promise<{ stdout: string; stderr: string }> => {
    const env = { ...process.env, TMPDIR: folder, PDVEND_ENGINES_DIR: join(folder, 'cache') }
    return promisify(execFile)(process.execPath, [main, ...args], { env })
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pdvend-cli-'))
    await symlink(cacheRoot(), join(folder, 'cache'))
  })
  afterAll(async () => {
    await engines('down')
    await rm(folder, { recursive: true, force: true })
  }, 60_000)

  testHere(
    'brings an engine up that stays, tells where it is, and takes it down',
    async () => {
      const { stdout } = await engines('up', 'redis')
      const [, url] = /^export PDVEND_TEST_REDIS='(redis:\/\/.*)'$/m.exec(stdout)!
      const again = await engines('up', 'redis')
      assert.equal(again.stdout, stdout)

      const { stdout: status } = await engines('status')
      const [, pid] = /^redis +7\.\S+ +redis:\/\/127\.0\.0\.1:\d+ +(\d+) +\d+ s$/m.exec(status)!
      assert.equal(status.includes(new URL(url!).password), false)
      assert.equal(isAlive(Number(pid)), true)
      assert.equal(await readFile(join(folder, 'cache/up.env'), 'utf8'), stdout)

      await engines('down', 'redis')
      assert.equal(isAlive(Number(pid)), false)
      const [runs] = await readdir(folder).then((names) => names.filter((name) => name.startsWith('pdvend-engines-')))
      assert.equal((await readdir(join(folder, runs!))).length, 0)
      assert.match((await engines('status')).stdout, /^nothing runs\n/)
    },
    120_000,
  )

  test('names what it does not know', async () => {
    await assert.rejects(engines('up', 'rabbit'), /no engine is called "rabbit"; there are mosquitto, /)
    await assert.rejects(engines('up', 'kafka@1.0'), /Apache Kafka is here in 4\.4\.0, 4\.2\.2, 3\.9\.2, not 1\.0/)
    await assert.rejects(engines('upp'), /no command is called "upp"/)
  })
})
