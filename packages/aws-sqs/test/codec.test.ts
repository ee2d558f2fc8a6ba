import { describe, expect, test } from '@jest/globals'
import type { DriverJob } from '@pdvend/ports'
import fc from 'fast-check'
import { ATTRIBUTE, pack, unpack } from '../src/codec.js'
import { MAX_MESSAGE_BYTES } from '../src/limits.js'
import { jobName, queueName, roleOf } from '../src/queues.js'
import { groupOf } from '../src/sender.js'

// oxlint-disable-next-line no-control-regex -- the characters that SQS refuses
const REFUSED = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/

const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 40 })
const name = fc.stringMatching(/^[a-z][a-z0-9]{0,5}(?:[._-][a-z0-9]{1,6}){0,8}$/).filter((each) => each.length <= 64)
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  text.map((each) => Buffer.from(each, 'utf8')),
)
const jobs = fc.record(
  {
    id: fc.uuid(),
    name,
    payload,
    dueAt: fc.nat(),
    enqueuedAt: fc.nat(),
    priority: fc.constant(0),
    key: text,
    dedupe: fc.record({ key: text, windowMs: fc.nat() }),
  },
  { requiredKeys: ['id', 'name', 'payload', 'dueAt', 'enqueuedAt', 'priority'] },
) as fc.Arbitrary<DriverJob>
const origin = { messageId: 'm-1', name: 'from.queue', sentAt: 7 }

describe('a job as a message', () => {
  test('comes back byte for byte, in characters that SQS takes, and is as large as it says', () => {
    fc.assert(
      fc.property(jobs, fc.integer({ min: 1, max: 9 }), (job, attempt) => {
        const { body, attribute, bytes, offloaded } = pack({ job, attempt, crashes: 1 }, MAX_MESSAGE_BYTES)
        for (const each of [body, attribute]) expect([REFUSED.test(each), each.isWellFormed(), each === '']).toEqual([false, true, false])
        const least = Buffer.byteLength(body) + Buffer.byteLength(attribute) + Buffer.byteLength(`${ATTRIBUTE}String`)
        expect([offloaded, bytes]).toEqual([false, least])
        const back = unpack(body, attribute, origin)
        const { payload: bytesBack, ...rest } = back
        expect(rest).toEqual({ job: { ...job, payload: undefined }, attempt, crashes: 1 })
        expect(Buffer.compare(bytesBack!, job.payload)).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  test('leaves its payload to the bucket above the limit, and not below it', () => {
    const job: DriverJob = { id: 'i', name: 'n', payload: Buffer.alloc(5_000, 97), dueAt: 1, enqueuedAt: 1, priority: 0 }
    const { bytes } = pack({ job, attempt: 1, crashes: 0 }, MAX_MESSAGE_BYTES)
    expect(pack({ job, attempt: 1, crashes: 0 }, bytes).offloaded).toBe(false)
    const packed = pack({ job, attempt: 1, crashes: 0 }, bytes - 1)
    expect([packed.offloaded, packed.bytes < 400]).toEqual([true, true])
    expect(unpack(packed.body, packed.attribute, origin).payload).toBeUndefined()
  })

  test.each([undefined, '', 'not JSON', 'null', '{"v":2}', '{"v":1,"id":5}'])(
    'of somebody else (%p) is a job with its text',
    (attribute) => {
      expect(unpack('hello ç', attribute, { ...origin, groupId: 'g' })).toEqual({
        job: { id: 'm-1', name: 'from.queue', enqueuedAt: 7, dueAt: 7, priority: 0, key: 'g' },
        payload: Buffer.from('hello ç'),
        attempt: 1,
        crashes: 0,
      })
    },
  )
})

describe('names', () => {
  test('of queues are such as SQS takes, tell their jobs apart, and tell what they are for', () => {
    const roles = ['jobs', 'keyed', 'later', 'dead', 'keyedDead'] as const
    fc.assert(
      fc.property(
        fc.uniqueArray(name, { minLength: 2, maxLength: 5 }),
        fc.constantFrom('pdvend-', 'x', 'p'.repeat(40)),
        (names, prefix) => {
          const all = names.flatMap((each) => roles.map((role) => queueName(prefix, each, role)))
          expect(new Set(all).size).toBe(all.length)
          for (const each of names)
            for (const role of roles) {
              const queue = queueName(prefix, each, role)
              expect(queue).toMatch(/^(?=.{1,80}$)[A-Za-z0-9_-]+(\.fifo)?$/)
              expect(roleOf(prefix, queue)).toBe(role)
              if (prefix.length + each.length * 2 < 60) expect(jobName(prefix, queue)).toBe(each)
            }
        },
      ),
      { numRuns: 300 },
    )
  })

  test('of groups are keys as they are, or a hash where SQS refuses their characters', () => {
    expect(groupOf('till-17')).toBe('till-17')
    for (const key of ['ção', 'two words', '', 'x'.repeat(129)]) expect(groupOf(key)).toMatch(/^sha256:[0-9a-f]{64}$/)
  })
})
