import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { root } from './architecture/import-graph.js'

const script = join(root, 'scripts/new-adapter.mjs')
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'lib/tsc.js')
const ports = ['blob', 'jobs', 'push', 'telemetry'] as const

describe('npm run new:adapter', () => {
  let copy: string

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'pdvend-new-adapter-'))
    for (const file of ['tsconfig.json', 'tsconfig.base.json', 'packages/contract/package.json']) {
      mkdirSync(dirname(join(copy, file)), { recursive: true })
      cpSync(join(root, file), join(copy, file))
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
    for (const port of ports) execFileSync(process.execPath, [script, `oss-new-${port}`, port, '--root', copy])
  })

  afterAll(() => rmSync(copy, { recursive: true, force: true }))

  test('makes packages that compile, tests included', () => {
    const include = ports.flatMap((port) => [`packages/oss-new-${port}/src`, `packages/oss-new-${port}/test`])
    const config = { extends: './tsconfig.base.json', compilerOptions: { composite: false, noEmit: true }, include }
    writeFileSync(join(copy, 'tsconfig.all.json'), JSON.stringify(config))
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(copy, 'tsconfig.all.json')], { encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  }, 120_000)

  test.each(ports)('makes a manifest of the %s port and adds it to the build', (port) => {
    const manifest = readFileSync(join(copy, `packages/oss-new-${port}/src/index.ts`), 'utf8')
    expect(manifest).toContain(`port: '${port}'`)
    expect(manifest).toContain("await import('./driver.js')")
    const { references } = JSON.parse(readFileSync(join(copy, 'tsconfig.json'), 'utf8')) as { references: { path: string }[] }
    expect(references).toContainEqual({ path: `packages/oss-new-${port}` })
  })

  test.each([
    [['oss-nats'], 'a name and a port are needed'],
    [['oss-nats', 'queue'], 'there is no port "queue"'],
    [['../nats', 'jobs'], 'is no name'],
    [['oss-new-jobs', 'jobs'], 'is there already'],
  ])('refuses %j', (args, says) => {
    const { status, stderr } = spawnSync(process.execPath, [script, ...args, '--root', copy], { encoding: 'utf8' })
    expect(status).toBe(1)
    expect(stderr).toContain(says)
  })
})
