import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Shell } from './pdvend.js'

const app = fileURLToPath(new URL('./children/shop-app.mjs', import.meta.url))

// Each test starts a few processes; on a busy machine that takes a while.
jest.setTimeout(120_000)

let shell: Shell
beforeEach(() => {
  shell = new Shell()
})
afterEach(() => shell.remove())

describe('provision', () => {
  test('plans without changing anything and ends with 2; --apply makes it; then everything is there', async () => {
    const planned = await shell.pdvend(['provision', '--app', app])
    expect({ code: planned.code, err: planned.err }).toEqual({ code: 2, err: '' })
    expect(planned.out).toMatch(/jobs +folders +create +folder +receipt\.issue +in order/)
    expect(planned.out).toMatch(/jobs +folders +create +folder +pdvend\.doctor +in any order/)
    expect(planned.out).toMatch(/blob +local-blob +- +- +nothing has to be made/)
    expect(planned.out.trimEnd()).toMatch(/\n3 changes to make: add --apply$/)
    expect(existsSync(join(shell.directory, '.pdvend/receipt.issue'))).toBe(false)

    const applied = await shell.pdvend(['provision', '--app', app, '--apply'])
    expect({ code: applied.code, last: applied.out.trimEnd().split('\n').at(-1) }).toEqual({ code: 0, last: '3 changes made' })
    expect(existsSync(join(shell.directory, '.pdvend/receipt.issue'))).toBe(true)

    const again = await shell.pdvend(['provision', '--app', app, '--apply', '--json'])
    expect(again.code).toBe(0)
    expect(JSON.parse(again.out)).toMatchObject({
      profile: 'local',
      applied: false,
      ports: [
        { port: 'telemetry', steps: [] },
        { port: 'blob', steps: [] },
        { port: 'jobs', steps: [{ change: 'keep' }, { name: 'receipt.issue', change: 'keep' }, { change: 'keep' }] },
        { port: 'push', steps: [] },
      ],
    })
  })

  test('takes jobs by name for an adapter of someone else, and some ports alone', async () => {
    const args = ['provision', '-m', app, '--jobs', 'sale.sync:keyed,sale.mail', '--only', 'jobs', '--json']
    const { code, out } = await shell.pdvend(args, { PDVEND_JOBS: 'folders' })
    expect(code).toBe(2)
    const { ports } = JSON.parse(out) as { ports: { port: string; steps: { name: string; detail: string }[] }[] }
    expect(ports.map(({ port }) => port)).toEqual(['jobs'])
    expect(ports[0]!.steps.map(({ name, detail }) => `${name} ${detail}`)).toEqual([
      'pdvend.doctor in any order',
      'sale.sync in order',
      'sale.mail in any order',
    ])
  })

  test('what cannot be done keeps all from being done, and ends with 1', async () => {
    const args = ['provision', '-m', app, '--jobs', 'job.stuck,sale.mail', '--apply']
    const { code, out } = await shell.pdvend(args, { PDVEND_JOBS: 'folders' })
    expect({ code, last: out.trimEnd().split('\n').at(-1) }).toEqual({ code: 1, last: '1 cannot be done, so nothing was changed' })
    expect(existsSync(join(shell.directory, '.pdvend/sale.mail'))).toBe(false)
  })

  test('on the embedded engines nothing has to be made', async () => {
    const { code, out } = await shell.pdvend(['provision'])
    expect({ code, last: out.trimEnd().split('\n').at(-1) }).toEqual({ code: 0, last: 'everything is there' })
  })

  test('--print-iam prints the policy of the adapters in use, alone and always the same, and opens nothing', async () => {
    const { code, out, err } = await shell.pdvend(['provision', '--app', app, '--print-iam'])
    expect({ code, policy: JSON.parse(out) as unknown }).toEqual({
      code: 0,
      policy: {
        Version: '2012-10-17',
        Statement: [
          {
            Sid: 'FoldersWorkTheQueues',
            Effect: 'Allow',
            Action: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'],
            Resource: ['arn:aws:sqs:*:*:pdvend.doctor', 'arn:aws:sqs:*:*:receipt.issue', 'arn:aws:sqs:*:*:catalogue.import'],
          },
          {
            Sid: 'FoldersKeepLargePayloads',
            Effect: 'Allow',
            Action: ['s3:PutObject'],
            Resource: ['arn:aws:s3:::pdv-jobs/*'],
            Condition: { StringEquals: { 'aws:ResourceAccount': '123456789012' } },
          },
        ],
      },
    })
    expect(err.trimEnd().split('\n')).toEqual([
      'not in it: telemetry, for local-telemetry has no rights of AWS',
      'not in it: blob, for local-blob has no rights of AWS',
      'not in it: push, for local-push has no rights of AWS',
      'a * stands for the region or the account where no setting tells it',
    ])
    expect(existsSync(join(shell.directory, '.pdvend'))).toBe(false)
    expect((await shell.pdvend(['provision', '--app', app, '--print-iam'])).out).toBe(out)
    expect((await shell.pdvend(['provision', '--app', app, '--print-iam', '--apply'])).err).toContain('without --apply')
  })

  test('a policy that is too long for AWS is told', async () => {
    const jobs = Array.from({ length: 200 }, (_, at) => `receipt.issue.of.shop-${at}`).join(',')
    const { err } = await shell.pdvend(['provision', '-m', app, '--jobs', jobs, '--only', 'jobs', '--print-iam'], {
      PDVEND_JOBS: 'folders',
    })
    expect(err).toMatch(/\d+ characters: a managed policy holds 6144; make one of each port with --only/)
  })

  test('mistakes are named: the environment ends with 78', async () => {
    expect((await shell.pdvend(['provision'], { PDVEND_PROFILE: 'none' })).code).toBe(78)
    expect((await shell.pdvend(['provision', '--jobs', 'Not a name'])).err).toContain('receipt.issue:keyed')
    expect((await shell.pdvend(['provision', '--only', 'mail'])).err).toContain('The ports are')
    expect((await shell.pdvend(['provision', '--app', './no-such-file.js'])).err).toContain('--app ./no-such-file.js did not load')
    expect((await shell.pdvend(['provision', '--app', app, '--jobs', 'a'])).err).toContain('not both')
  })
})
