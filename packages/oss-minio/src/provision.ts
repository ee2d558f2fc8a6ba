import { createHash } from 'node:crypto'
import { type AdapterDeps, PortError, type ProvisionPlan, type ProvisionStep } from '@pdvend/ports'
import type { S3Client } from './client/s3-client.js'
import { S3Error } from './client/s3-error.js'
import { elements } from './client/xml.js'
import type { Settings } from './config.js'
import { connect } from './driver.js'
import { fail } from './errors.js'

/** Days after which the store removes the parts of uploads that nobody finished. */
const ABORT_DAYS = 1

const RULE = `<Rule><ID>pdvend-unfinished-uploads</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>${ABORT_DAYS}</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`

/**
 * Plans the bucket: made where it is missing, with a rule that removes unfinished uploads where the store takes it (the adapter
 * removes them at its start as well). A bucket that is there stays as it is, versions and rules included: MinIO refuses the rule,
 * and a plan that wanted it for ever would never find everything there.
 */
export async function planOssMinio(settings: Settings, { signal }: AdapterDeps): Promise<ProvisionPlan> {
  const client = await connect(settings)
  try {
    const exists = await bucketExists(client, signal)
    const rules = exists ? await rulesOf(client, signal) : { xml: '', supported: true }
    const kept = [...elements(rules.xml, 'Rule')].some((rule) => rule.includes('<AbortIncompleteMultipartUpload>'))
    const steps: ProvisionStep[] = [
      {
        kind: 'bucket',
        name: settings.bucket,
        change: exists ? 'keep' : 'create',
        detail: exists ? 'versions stay as they are' : `region ${settings.region}`,
      },
      { kind: 'bucket rule', name: 'unfinished uploads', ...ruleStep(exists, rules, kept) },
    ]
    return {
      steps,
      async apply() {
        try {
          if (exists) return
          await makeBucket(client, settings.region, signal)
          await addRule(client, (await rulesOf(client, signal)).xml, signal)
        } catch (cause) {
          throw fail('provision', cause, settings.bucket)
        }
      },
      close: async () => client.close(),
    }
  } catch (cause) {
    client.close()
    throw fail('provision', cause, settings.bucket)
  }
}

function ruleStep(exists: boolean, rules: { readonly supported: boolean }, kept: boolean): Pick<ProvisionStep, 'change' | 'detail'> {
  if (!exists) return { change: 'create', detail: `removed after ${ABORT_DAYS} day, where the store takes the rule` }
  if (kept) return { change: 'keep', detail: 'the bucket has a rule that removes them' }
  const why = rules.supported ? 'the bucket has no such rule' : 'the store has no such rules'
  return { change: 'keep', detail: `${why}; PDVEND_BLOB_SWEEP_AFTER_MS removes them at each start` }
}

async function bucketExists(client: S3Client, signal: AbortSignal): Promise<boolean> {
  try {
    await client.document({ method: 'GET', query: { 'list-type': '2', 'max-keys': '1' }, signal })
    return true
  } catch (error) {
    if (error instanceof S3Error && error.code === 'NoSuchBucket') return false
    throw error
  }
}

async function makeBucket(client: S3Client, region: string, signal: AbortSignal): Promise<void> {
  // us-east-1 is the one region that must not be named.
  const body =
    region === 'us-east-1'
      ? ''
      : `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`
  await client.call({ method: 'PUT', body: Buffer.from(body), signal }).catch((error: unknown) => {
    if (error instanceof S3Error && error.code === 'BucketAlreadyOwnedByYou') return
    if (error instanceof S3Error && error.code === 'BucketAlreadyExists')
      throw new PortError('CONFIG_INVALID', { detail: 'the bucket belongs to somebody else: choose another PDVEND_BLOB_BUCKET' })
    throw error
  })
}

async function rulesOf(client: S3Client, signal: AbortSignal): Promise<{ readonly xml: string; readonly supported: boolean }> {
  try {
    return { xml: (await client.document({ method: 'GET', query: { lifecycle: '' }, signal })).xml, supported: true }
  } catch (error) {
    if (!(error instanceof S3Error)) throw error
    if (error.code === 'NoSuchLifecycleConfiguration') return { xml: '', supported: true }
    if (error.status === 501 || error.status === 403 || error.status === 405) return { xml: '', supported: false }
    throw error
  }
}

/** Beside the rules that are there; a store that has other rules and not this one keeps what it has. */
async function addRule(client: S3Client, before: string, signal: AbortSignal): Promise<void> {
  const others = [...elements(before, 'Rule')].map((rule) => `<Rule>${rule}</Rule>`)
  const body = Buffer.from(`<LifecycleConfiguration>${others.join('')}${RULE}</LifecycleConfiguration>`)
  const headers = { 'content-md5': createHash('md5').update(body).digest('base64'), 'content-type': 'application/xml' }
  await client.call({ method: 'PUT', query: { lifecycle: '' }, headers, body, signal }).catch((error: unknown) => {
    if (!(error instanceof S3Error && (error.status === 400 || error.status === 403 || error.status === 501))) throw error
  })
}
