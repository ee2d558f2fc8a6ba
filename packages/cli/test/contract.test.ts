import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { outsiderModule, Shell } from './pdvend.js'

// Each test starts a few processes; on a busy machine that takes a while.
jest.setTimeout(120_000)

let shell: Shell
beforeEach(() => {
  shell = new Shell()
})
afterEach(() => shell.remove())

describe('contract', () => {
  test('prints each clause and ends with the counts', async () => {
    const { code, out } = await shell.pdvend(['contract', '--adapter', 'local-jobs', '--only', 'Q1,Q15'])
    expect(code).toBe(0)
    expect(out).toMatch(/^ok Q1 .+ \(\d+ ms\)$/m)
    expect(out.trimEnd().split('\n').at(-1)).toBe('2 passed, 0 failed')
    expect(existsSync(join(shell.directory, '.pdvend'))).toBe(false)
  })

  test('--json gives the same for programs, --parallel multiplies', async () => {
    const { out } = await shell.pdvend(['contract', '--adapter', 'local-jobs', '--only', 'Q1', '--parallel', '3', '--json'])
    expect(JSON.parse(out)).toMatchObject({
      adapter: 'local-jobs',
      passed: 3,
      failed: 0,
      clauses: [{ id: 'Q1' }, { id: 'Q1' }, { id: 'Q1' }],
    })
  })

  test('proves an adapter of someone else', async () => {
    const { code, out } = await shell.pdvend(
      ['contract', '-m', outsiderModule, '--adapter', 'outsider', '--only', 'Q1', '--clock', 'fake'],
      { PDVEND_OUTSIDER_DIR: './queue' },
    )
    expect({ code, last: out.trimEnd().split('\n').at(-1) }).toEqual({ code: 0, last: '1 passed, 0 failed' })
  })

  test('an adapter or a clause that does not exist is named', async () => {
    expect((await shell.pdvend(['contract', '--adapter', 'aws-s4'])).err).toContain('there is no adapter aws-s4; there are local-blob')
    expect((await shell.pdvend(['contract', '--adapter', 'local-jobs', '--only', 'Q1,X9'])).err).toContain('has no clause X9')
  })
})
