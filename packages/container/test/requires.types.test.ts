import { expect, test } from '@jest/globals'
import { PortError, type Profile } from '@pdvend/ports'
import { defineApp } from '../src/index.js'
import { testProfile } from './test-adapters.js'

const one = testProfile()
const all = testProfile([], {}, 'all')
const two = {
  ...all,
  jobs: { ...all.jobs, capabilities: { delay: true, fifo: true, dedupe: true, priority: true, lookup: true } },
} as const

test('a capability that every listed profile has is accepted', () => {
  defineApp({ profiles: { one, two }, requires: { jobs: ['delay', 'fifo'], blob: ['signedUrls'] } })
  defineApp({ profiles: { two }, requires: { jobs: ['priority'] } })
  defineApp({ profiles: { one } })
})

test('a capability that any listed profile lacks is a type error at its line', () => {
  defineApp({
    profiles: { one, two },
    requires: {
      // @ts-expect-error profile one has no jobs capability priority
      jobs: ['delay', 'priority'],
      blob: ['signedUrls'],
    },
  })
  defineApp({
    profiles: { two, one },
    requires: {
      // @ts-expect-error profile two | one has no blob capability signedPost
      blob: ['signedPost'],
    },
  })
})

test('a capability that does not exist is a type error, and refused where no compiler looked', () => {
  // @ts-expect-error there is no such capability
  const misspelt = () => defineApp({ profiles: { one }, requires: { jobs: ['delai'] } })
  expect(misspelt).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  // @ts-expect-error there is no such port
  const noPort = () => defineApp({ profiles: { one }, requires: { mail: ['delay'] } })
  expect(noPort).toThrow('requires')
})

test('a profile of unknown capabilities passes the compiler and is checked at start', async () => {
  const unknown: Profile = one
  const app = defineApp({ profiles: { unknown }, requires: { jobs: ['priority'], blob: ['signedPost'] }, signals: [] })
  const error: unknown = await app.start({ PDVEND_PROFILE: 'unknown' }).catch((thrown: unknown) => thrown)
  expect(PortError.is(error, 'CONFIG_INVALID')).toBe(true)
  expect(String(error)).toContain('adapter test-blob of profile unknown, which has no blob capability signedPost')
  expect(String(error)).toContain('adapter test-jobs of profile unknown, which has no jobs capability priority')
})
