import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { launcherOf, whyMissing } from '@pdvend/engines'
import { BlobStorage } from '@pdvend/ports'
import { BUCKET, open, provision } from './engine.js'

const missing = await whyMissing('versitygw', { named: false })

/** The gateway by hand: over a folder that outlives it, and read-only where it is asked to be. */
class Gateway {
  readonly folder = mkdtempSync(join(tmpdir(), 'pdvend-read-only-'))
  env: Readonly<Record<string, string>> = {}
  #process: ChildProcess | undefined

  async start(...flags: string[]): Promise<void> {
    await this.stop()
    const launcher = launcherOf('versitygw')
    const version = launcher.versions[0]
    const place = { version, folder: this.folder, data: this.folder, ports: [await freePort()] }
    const plan = await launcher.plan((await launcher.find(version))!, place)
    await plan.prepare?.()
    this.#process = spawn(plan.command, [...flags, ...plan.args], { env: { ...process.env, ...plan.env }, stdio: 'ignore' })
    while (!(await plan.ready().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 25))
    this.env = { ...launcher.settings(plan.url), PDVEND_BLOB_BUCKET: BUCKET }
  }

  async stop(): Promise<void> {
    if (this.#process === undefined) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
    this.#process = undefined
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}

describe('a store that may only be read', () => {
  if (missing !== undefined) return test.skip(`read-only (skipped: ${missing})`, () => {})
  const gateway = new Gateway()

  afterEach(async () => {
    await gateway.stop()
    rmSync(gateway.folder, { recursive: true, force: true })
  })

  test('opens without a record and promises nothing, with one and promises what was measured; a whole read finds a flipped byte', async () => {
    await gateway.start()
    await provision(gateway.env)
    await gateway.start('--readonly')
    const unmeasured = await open(gateway.env)
    expect(Object.values(unmeasured.capabilities!)).not.toContain(true)
    expect(unmeasured.facts!.measured).toContain('may not write')
    await unmeasured.close()

    await gateway.start()
    const writer = new BlobStorage(await open(gateway.env), { adapter: 'oss-minio' })
    await writer.put('nota.xml', '<nota/>')
    await writer.put('big.bin', Buffer.alloc(9 * 1_048_576, 'x'))
    await writer.close()
    const path = join(gateway.folder, 'objects', BUCKET, 'big.bin!')
    const file = readFileSync(path)
    file[8_000_000]! ^= 1
    writeFileSync(path, file)

    await gateway.start('--readonly')
    const driver = await open(gateway.env)
    expect(driver.capabilities).toMatchObject({ conditionalWrites: true, signedUrls: true })
    const reader = new BlobStorage(driver, { adapter: 'oss-minio' })
    expect(await (await reader.get('nota.xml')).text()).toBe('<nota/>')
    await expect((await reader.get('big.bin')).bytes()).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' })
    await expect(reader.put('k', 'x')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await reader.close()
  }, 60_000)
})
