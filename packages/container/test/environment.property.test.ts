import { expect, test } from '@jest/globals'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { defineApp, isConfigError } from '../src/index.js'
import { useOwnDirectory } from './own-directory.js'
import { testProfile } from './test-adapters.js'

useOwnDirectory()

const canary = 'kN4r13nv0gel'
const profile = testProfile([], {
  blob: {
    open: async (settings) => {
      const { secretKey } = settings as { secretKey?: { reveal(): string } }
      const shown = secretKey?.reveal() ?? ''
      throw Object.assign(new Error(`signature with ${shown} and ${encodeURIComponent(shown)} was refused`), {
        config: { auth: { pass: shown } },
      })
    },
  },
})
const app = defineApp({ profiles: { local: profile, other: testProfile([], {}, 'other') }, signals: [] })

const names = fc.oneof(
  fc.constantFrom(
    'PDVEND_PROFILE',
    'PDVEND_BLOB',
    'PDVEND_JOBS',
    'PDVEND_BLOB_BUCKET',
    'PDVEND_BLOB_SECRET_KEY',
    'PDVEND_JOBS_TLS',
    'PDVEND_TIMEOUT_MS',
    'NODE_ENV',
  ),
  fc.string({ maxLength: 24 }).map((text) => `PDVEND_${text}`),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
)
const values = fc.oneof(
  fc.constantFrom('', 'local', 'other', 'production', 'yes', 'other-blob', '10', canary, `postgres://sa:${canary}@db/pdv`),
  fc.string({ unit: 'binary', maxLength: 100 }),
)

test('any environment starts the app or fails with CONFIG_INVALID', async () => {
  const quiet = defineApp({ profiles: { local: testProfile(), other: testProfile([], {}, 'other') }, signals: [] })
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, values, { maxKeys: 8 }), async (variables) => {
      try {
        await (await quiet.start(variables)).close()
      } catch (error) {
        if (!isConfigError(error) || error.problems.length === 0) throw error
        expect(new Set(error.problems.map((problem) => JSON.stringify(problem))).size).toBe(error.problems.length)
      }
    }),
    { numRuns: 300 },
  )
})

test('a secret is in no error, whatever else is wrong', async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(names, values, { maxKeys: 6 }), fc.boolean(), async (variables, misspelt) => {
      const name = misspelt ? 'PDVEND_BLOB_SECRET_KYE' : 'PDVEND_BLOB_SECRET_KEY'
      const error: unknown = await app.start({ ...variables, [name]: canary }).then(
        (running) => running.close(),
        (thrown: unknown) => thrown,
      )
      const shown = `${String(error)} ${inspect(error, { depth: 12, showHidden: true })} ${JSON.stringify(error)}`
      expect(shown).not.toContain(canary)
    }),
    { numRuns: 300 },
  )
})
