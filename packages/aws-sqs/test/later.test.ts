import { GetQueueAttributesCommand, GetQueueUrlCommand, PurgeQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { whyMissing } from '@pdvend/engines'
import { type Clock, type DriverJob, type JobDriver, type Lease, newId, systemClock } from '@pdvend/ports'
import { Claims } from '../src/bucket/claims.js'
import { Payloads } from '../src/bucket/offload.js'
import { openBucketStore } from '../src/bucket/store.js'
import { ATTRIBUTE, pack } from '../src/codec.js'
import { manifest } from '../src/index.js'
import { Later } from '../src/later.js'
import { MAX_MESSAGE_BYTES } from '../src/limits.js'
import { queueName, type QueueRole } from '../src/queues.js'
import { Sender } from '../src/sender.js'
import { sqsClients } from '../src/sqs/client.js'
import { Queues } from '../src/sqs/queues.js'
import { deps, openDriver, settingsOf, until, within } from './open.js'
import { type JobsEngine, startSqs } from './sqs-engine.js'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const NAME = 'waiting'

const missing = await whyMissing('ministack')
const suite = missing === undefined ? describe : describe.skip
suite(`what SQS does not keep by itself${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  let engine: JobsEngine
  const drivers: JobDriver[] = []
  beforeAll(async () => {
    engine = await startSqs()
    await engine.provision([NAME])
  }, 120_000)
  afterEach(async () => {
    await Promise.all(drivers.splice(0).map((driver) => driver.close()))
    for (const role of ['jobs', 'later', 'keyed'] as const) await engine.sqs.send(new PurgeQueueCommand({ QueueUrl: await urlOf(role) }))
  }, 30_000)
  afterAll(() => engine?.stop(), 60_000)

  const urlOf = async (role: QueueRole): Promise<string> =>
    (await engine.sqs.send(new GetQueueUrlCommand({ QueueName: queueName('pdvend-', NAME, role) }))).QueueUrl!
  /** Visible, delayed by SQS, hidden. */
  const depth = async (role: QueueRole): Promise<readonly number[]> => {
    const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesDelayed', 'ApproximateNumberOfMessagesNotVisible'] as const
    const { Attributes } = await engine.sqs.send(new GetQueueAttributesCommand({ QueueUrl: await urlOf(role), AttributeNames: [...names] }))
    return names.map((each) => Number(Attributes![each]))
  }
  /** A driver of a machine whose clock is so far from that of SQS. */
  const openAt = async (offsetMs: number): Promise<JobDriver> => {
    const clock: Clock = { now: () => Date.now() + offsetMs, timer: (delayMs, fire) => systemClock.timer(delayMs, fire) }
    const driver = await manifest.open(await settingsOf(engine.env), { ...deps(), clock })
    drivers.push(driver)
    return driver
  }
  const jobOf = (dueAt: number): DriverJob => {
    const id = newId()
    const enqueuedAt = Date.now()
    const payload = Buffer.from(JSON.stringify({ specversion: '1.0', id, source: '/test', type: NAME, data: { n: 1 } }))
    return { id, name: NAME, payload, dueAt, enqueuedAt, priority: 0 }
  }
  /** As it is once SQS's own delay is over. */
  const lay = async (job: DriverJob, attempt = 1, crashes = 0): Promise<void> => {
    const { body, attribute } = pack({ job, attempt, crashes }, MAX_MESSAGE_BYTES)
    const MessageAttributes = { [ATTRIBUTE]: { DataType: 'String', StringValue: attribute } }
    await engine.sqs.send(new SendMessageCommand({ QueueUrl: await urlOf('later'), MessageBody: body, MessageAttributes }))
  }
  const receive = (driver: JobDriver, waitMs = 1_000): Promise<readonly Lease[]> =>
    driver.receive({ names: [NAME], max: 5, waitMs, leaseMs: 5_000, ...within(20_000) })

  test('a delay above 15 minutes goes to the queue of those that wait, and counts as delayed', async () => {
    const driver = await openAt(0)
    await driver.enqueue([jobOf(Date.now() + 14 * MINUTE_MS), jobOf(Date.now() + 30 * DAY_MS)], within(5_000))
    expect([await depth('jobs'), await depth('later')]).toEqual([
      [0, 1, 0],
      [0, 1, 0],
    ])
    expect(await driver.stats([NAME], within(5_000))).toMatchObject({ ready: 0, delayed: 2, inFlight: 0 })
  })

  test('a job whose time is far is hidden again; nobody gets it', async () => {
    await lay(jobOf(Date.now() + 40 * MINUTE_MS))
    const driver = await openAt(0)
    expect(await receive(driver, 2_000)).toEqual([])
    await until(async () => (await depth('later'))[2] === 1, 5_000)
    expect(await depth('jobs')).toEqual([0, 0, 0])
    expect(await driver.stats([NAME], within(5_000))).toMatchObject({ ready: 0, delayed: 1, inFlight: 0 })
  }, 30_000)

  test('a job whose time is near is moved to its queue, which holds it back for the rest', async () => {
    await lay(jobOf(Date.now() + 12 * MINUTE_MS))
    const driver = await openAt(0)
    expect(await receive(driver, 2_000)).toEqual([])
    await until(async () => (await depth('jobs'))[1] === 1, 5_000)
    expect(await depth('later')).toEqual([0, 0, 0])
  }, 30_000)

  test('a process that dies between the two steps of a move leaves the job twice, never lost, and not early', async () => {
    await lay(jobOf(Date.now() + 12 * MINUTE_MS))
    const settings = await settingsOf(engine.env)
    const [store, queues] = [openBucketStore(settings), new Queues(sqsClients(settings))]
    const { clock, log } = deps()
    const [payloads, claims] = [new Payloads(store), new Claims(store, clock, 1_000)]
    const sender = new Sender({ queues, payloads, claims, clock, prefix: 'pdvend-', offloadBytes: MAX_MESSAGE_BYTES })
    const queue = await queues.get(queueName('pdvend-', NAME, 'later'))
    const [message] = await queue.receive({ max: 1, waitSeconds: 1, visibilitySeconds: 1 })
    const dying = new Proxy(queue, {
      get: (target, field) => (field === 'delete' ? () => Promise.reject(new Error('dies here')) : (Reflect.get(target, field) as unknown)),
    })
    await expect(new Later({ sender, clock, log }).hop(dying, NAME, message!, within(5_000))).rejects.toThrow('dies here')
    expect(await depth('jobs')).toEqual([0, 1, 0])
    await until(async () => String(await depth('later')) === '1,0,0', 5_000)
    queues.close()
    store.close()
  }, 30_000)

  test('a job whose time has come runs once, as what it was: id, times, attempt and crashes', async () => {
    const job = jobOf(Date.now() - 5)
    await lay(job, 4, 1)
    const driver = await openAt(0)
    let leases: readonly Lease[] = []
    await until(async () => (leases = await receive(driver)).length > 0, 10_000)
    expect(leases).toHaveLength(1)
    expect({ ...leases[0]!.job, payload: Buffer.from(leases[0]!.job.payload) }).toEqual(job)
    expect([leases[0]!.attempt, leases[0]!.crashes]).toEqual([4, 1])
    await driver.settle(leases[0]!, { kind: 'done' }, within(5_000))
    expect([await depth('jobs'), await depth('later')]).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ])
  }, 30_000)

  test('a job that has waited for a week is sent anew, so that the 14 days of SQS never end it', async () => {
    await lay(jobOf(Date.now() + 30 * DAY_MS))
    const driver = await openAt(8 * DAY_MS)
    expect(await receive(driver, 2_000)).toEqual([])
    // The old message is gone; the new one starts with the longest delay of SQS.
    await until(async () => String(await depth('later')) === '0,1,0', 5_000)
    expect(await depth('jobs')).toEqual([0, 0, 0])
  }, 30_000)

  test('a job with a key waits for 12 days at most, and is refused beyond', async () => {
    const driver = await openAt(0)
    const job = jobOf(Date.now() + 13 * DAY_MS)
    await expect(driver.enqueue([{ ...job, key: 'k' }], within(5_000))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      detail: expect.stringMatching(/delayMs.*12 days/),
    })
    expect(await depth('keyed')).toEqual([0, 0, 0])
  })

  test('what SQS moved to its dead-letter queues, and what is not ours, is filed with the dead letters', async () => {
    const driver = await openDriver(engine)
    drivers.push(driver)
    const job = jobOf(Date.now())
    const { body, attribute } = pack({ job, attempt: 2, crashes: 0 }, MAX_MESSAGE_BYTES)
    const QueueUrl = await urlOf('dead')
    const MessageAttributes = { [ATTRIBUTE]: { DataType: 'String', StringValue: attribute } }
    await engine.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body, MessageAttributes }))
    await engine.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'hello from elsewhere' }))
    const { jobs } = await driver.listDead({ limit: 10, ...within(10_000) })
    expect(jobs.map(({ reason, attempts, job: one }) => [reason, attempts, one.name]).toSorted()).toEqual([
      ['poison', 1, NAME],
      ['poison', 2, NAME],
    ])
    expect(await depth('dead')).toEqual([0, 0, 0])
    expect(await driver.redriveDead([job.id], within(5_000))).toBe(1)
    let leases: readonly Lease[] = []
    await until(async () => (leases = await receive(driver)).length > 0, 10_000)
    expect([leases[0]!.job.id, leases[0]!.attempt]).toEqual([job.id, 1])
    await driver.settle(leases[0]!, { kind: 'done' }, within(5_000))
    const [foreign] = (await driver.listDead({ name: NAME, limit: 10, ...within(10_000) })).jobs
    expect(Buffer.from(foreign!.job.payload).toString('utf8')).toBe('hello from elsewhere')
    expect(await driver.discardDead([foreign!.job.id], within(5_000))).toBe(1)
  }, 40_000)
})
