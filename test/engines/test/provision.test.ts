import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from '@jest/globals'
import { provisionWanted, startEngine, wantedEngines, whyMissing } from '../src/index.js'
import { cached, cacheFolder, cacheRoot, findCached, listCache } from '../src/provision/cache.js'

const silent = (): void => {}
const entry = { name: 'thing', version: '1.0', how: 'by hand' }
const names = ['PDVEND_ENGINES_DIR', 'PATH', 'CI', 'PDVEND_TEST_KAFKA', 'PDVEND_TEST_ENGINES', 'PDVEND_TEST_MISSING_ENGINES'] as const
let before: Readonly<Record<string, string | undefined>>

beforeEach(async () => {
  before = Object.fromEntries(names.map((name) => [name, process.env[name]]))
  process.env['PDVEND_ENGINES_DIR'] = await mkdtemp(join(tmpdir(), 'pdvend-cache-'))
})

afterEach(async () => {
  await rm(cacheRoot(), { recursive: true, force: true })
  for (const name of names) {
    if (before[name] === undefined) delete process.env[name]
    else process.env[name] = before[name]
  }
})

/** One thing with a file. */
async function make(folder: string): Promise<readonly string[]> {
  await writeFile(join(folder, 'binary'), 'works')
  return ['binary']
}

describe('the cache', () => {
  test('builds once for all who ask at the same time', async () => {
    let builds = 0
    const build = (folder: string): Promise<readonly string[]> => (builds++, make(folder))
    const folders = await Promise.all([1, 2, 3].map(() => cached(entry, silent, build)))
    assert.equal(builds, 1)
    assert.deepEqual(new Set(folders), new Set([cacheFolder('thing', '1.0')]))
    const [stamp] = await listCache()
    assert.equal(stamp?.files['binary'], createHash('sha256').update('works').digest('hex'))
    assert.equal(stamp?.how, 'by hand')
  })

  test('never shows what failed half-way', async () => {
    const failing = cached(entry, silent, async (folder) => {
      await make(folder)
      throw new Error('no space left')
    })
    await assert.rejects(failing, /no space left/)
    assert.equal(await findCached('thing', '1.0'), undefined)
    assert.equal(existsSync(await cached(entry, silent, make)), true)
  })

  test('refuses what has another checksum than expected', async () => {
    await assert.rejects(cached({ ...entry, expected: { binary: '00' } }, silent, make), /binary has SHA-256 [0-9a-f]{64}, expected 00/)
    assert.equal(await findCached('thing', '1.0'), undefined)
  })

  test('builds again what lost a file', async () => {
    const folder = await cached(entry, silent, make)
    await rm(join(folder, 'binary'))
    assert.equal(await findCached('thing', '1.0'), undefined)
    await cached(entry, silent, make)
    assert.equal(await readFile(join(folder, 'binary'), 'utf8'), 'works')
  })

  test('takes the lock of a builder that died', async () => {
    await mkdir(cacheRoot(), { recursive: true })
    await writeFile(join(cacheRoot(), 'thing-1.0.lock'), '999999999 never')
    assert.equal(existsSync(await cached(entry, silent, make)), true)
    assert.equal(existsSync(join(cacheRoot(), 'thing-1.0.lock')), false)
  })
})

describe('a machine without the toolchain', () => {
  beforeEach(async () => {
    process.env['PATH'] = cacheRoot()
  })

  test('is told what is missing and what it is for', async () => {
    delete process.env['CI']
    assert.match(
      (await whyMissing('elasticmq', { named: false, report: silent }))!,
      /^ElasticMQ 1\.7\.1: (java|mvn) is not on this machine; .*/,
    )
  })

  test('fails with CI=true', async () => {
    process.env['CI'] = 'true'
    await assert.rejects(whyMissing('elasticmq', { named: false, report: silent }), /is not on this machine/)
  })
})

describe('PDVEND_TEST_ENGINES', () => {
  const titles = (choice?: string): readonly string[] =>
    wantedEngines(choice).map(({ launcher, version }) => `${launcher.title} ${version}`)

  test('names what is provisioned before the tests: all that they use, some, or none', () => {
    assert.ok(titles().length >= 9)
    assert.deepEqual(titles('none'), [])
    assert.deepEqual(titles('kafka@3.9.2, postgres'), ['Apache Kafka 3.9.2', 'PostgreSQL 15'])
    assert.deepEqual(titles('kafka'), ['Apache Kafka 4.4.0', 'Apache Kafka 4.2.2', 'Apache Kafka 3.9.2'])
    assert.throws(
      () => titles('kafka@2.8.0'),
      /there is no engine "kafka@2\.8\.0"; give none, or some of .*kafka@4\.4\.0\|4\.2\.2\|3\.9\.2/,
    )
  })

  test('leaves the others out, which is no failure', async () => {
    process.env['CI'] = 'true'
    process.env['PDVEND_TEST_ENGINES'] = 'kafka@3.9.2'
    process.env['PDVEND_TEST_KAFKA'] = 'kafka.shop.example:9092'
    assert.equal(await whyMissing('kafka', { version: '3.9.2' }), undefined)
    assert.equal(await whyMissing('kafka', { version: '4.4.0' }), 'left out by PDVEND_TEST_ENGINES: Apache Kafka 4.4.0')
    assert.match((await whyMissing('minio'))!, /^left out by PDVEND_TEST_ENGINES: MinIO /)
  })

  test('what could not be provisioned is told, and not tried again', async () => {
    process.env['PATH'] = cacheRoot()
    process.env['PDVEND_TEST_ENGINES'] = 'elasticmq'
    const missing = await provisionWanted(silent)
    assert.match(missing['elasticmq@1.7.1']!, /is not on this machine/)
    delete process.env['CI']
    process.env['PDVEND_TEST_MISSING_ENGINES'] = JSON.stringify({ 'elasticmq@1.7.1': 'the network is down' })
    assert.equal(await whyMissing('elasticmq', { named: false, report: silent }), 'ElasticMQ 1.7.1: the network is down')
    process.env['CI'] = 'true'
    await assert.rejects(whyMissing('elasticmq', { named: false, report: silent }), /the network is down/)
  })
})

test('an engine that the environment names is used as it is, and nobody may break it', async () => {
  process.env['PDVEND_TEST_KAFKA'] = 'kafka.shop.example:9092'
  assert.equal(await whyMissing('kafka'), undefined)
  const engine = await startEngine('kafka')
  assert.equal(engine.env['PDVEND_JOBS_BROKERS'], 'kafka.shop.example:9092')
  assert.deepEqual([engine.kill, engine.restart, engine.wipe, engine.pause], [undefined, undefined, undefined, undefined])
  await engine.stop()
})

test('a version that nobody tested is refused by name', async () => {
  await assert.rejects(
    startEngine('kafka', { version: '2.8.0', named: false }),
    /Apache Kafka 2\.8\.0 is not one of 4\.4\.0, 4\.2\.2, 3\.9\.2/,
  )
})
