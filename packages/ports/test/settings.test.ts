import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { z } from 'zod'
import { env, readSettings, Secret, secret } from '../src/index.js'

const shape = {
  bucket: env('BLOB_BUCKET', z.string().min(3), {
    doc: 'Bucket that holds the files',
    example: 'pdv-notas',
  }),
  timeoutMs: env('BLOB_TIMEOUT_MS', z.coerce.number().int().min(1).default(10_000), {
    doc: 'Longest request in milliseconds; default 10000',
  }),
  pathStyle: env('BLOB_PATH_STYLE', z.stringbool().default(false), {
    doc: 'Bucket in the path; default no',
  }),
  key: secret('BLOB_SECRET_KEY', { doc: 'Secret key' }),
}

describe('settings from the environment', () => {
  test('defaults, coercion, and an absent secret', async () => {
    expect(await readSettings(shape, { PDVEND_BLOB_BUCKET: 'notas' })).toEqual({
      settings: {
        bucket: 'notas',
        timeoutMs: 10_000,
        pathStyle: false,
        key: undefined,
      },
    })
    const read = await readSettings(shape, {
      PDVEND_BLOB_BUCKET: 'notas',
      PDVEND_BLOB_TIMEOUT_MS: '5',
      PDVEND_BLOB_PATH_STYLE: 'yes',
      PDVEND_BLOB_SECRET_KEY: 's3cr3t',
    })
    if (!('settings' in read)) throw new Error(`refused: ${JSON.stringify(read.problems)}`)
    expect(read.settings).toMatchObject({ timeoutMs: 5, pathStyle: true })
    expect(read.settings.key).toBeInstanceOf(Secret)
    expect(read.settings.key?.reveal()).toBe('s3cr3t')
  })

  test('all problems at once, each with the variable, what it got and what it wants', async () => {
    const { problems } = await readSettings(shape, {
      PDVEND_BLOB_TIMEOUT_MS: 'soon',
      PDVEND_BLOB_PATH_STYLE: '',
      PDVEND_BLOB_SECRET_KEY: '',
    })
    expect(problems?.map((problem) => problem.env)).toEqual([
      'PDVEND_BLOB_BUCKET',
      'PDVEND_BLOB_TIMEOUT_MS',
      'PDVEND_BLOB_PATH_STYLE',
      'PDVEND_BLOB_SECRET_KEY',
    ])
    expect(problems?.[0]).toMatchObject({
      got: 'nothing',
      wants: expect.stringContaining('e.g. pdv-notas'),
    })
    expect(problems?.[1]).toMatchObject({ got: '"soon"' })
    expect(problems?.[2]).toMatchObject({ got: 'an empty value' })
  })

  test('whatever the environment holds, reading it never throws and a secret is never shown', async () => {
    const value = fc.option(fc.string({ unit: 'binary' }), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          PDVEND_BLOB_BUCKET: value,
          PDVEND_BLOB_TIMEOUT_MS: value,
          PDVEND_BLOB_PATH_STYLE: value,
        }),
        async (source) => {
          const read = await readSettings(shape, {
            ...source,
            PDVEND_BLOB_SECRET_KEY: 'canary-4711',
          })
          expect(JSON.stringify(read)).not.toContain('canary-4711')
        },
      ),
    )
  })
})
