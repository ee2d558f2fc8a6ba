import { describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import { defineEvent, defineJob, defineMessage } from '../src/define.js'

const schema = z.object({ n: z.number() })

describe('definitions', () => {
  test.each(['receipt.issue', 'a', 'price-changed_v2', 'x'.repeat(64)])('%s is a name', (name) => {
    expect(defineJob(name, { input: schema })).toMatchObject({ name, input: schema })
    expect(defineMessage(name, { body: schema, ttlMs: 5 })).toMatchObject({ name, ttlMs: 5 })
    expect(defineEvent(name, { data: schema }).name).toBe(name)
  })

  test.each(['', 'Receipt', 'a..b', '.a', 'a.', 'a b', 'á', 'x'.repeat(65), 7, undefined])('%p is refused, with the rule', (name) => {
    expect(() => defineJob(name as string, { input: schema })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('receipt.issue') }),
    )
  })

  test.each([undefined, {}, { '~standard': 1 }, 'string'])('%p is no schema: refused where it is defined, not at the first call', (bad) => {
    const wrong = expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining('Standard Schema') })
    expect(() => defineJob('a', { input: bad as never })).toThrow(wrong)
    expect(() => defineMessage('a', { body: bad as never })).toThrow(wrong)
    expect(() => defineEvent('a', { data: bad as never })).toThrow(wrong)
  })
})
