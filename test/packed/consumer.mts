// A stranger's app in TypeScript: compiled against the packed types, then run.
import { aws } from '@pdvend/aws'
import { defineApp, isConfigError, type Provision, type Running } from '@pdvend/container'
import { local } from '@pdvend/local'
import { onprem } from '@pdvend/onprem'
import { BlobStorage, defineJob, handle, JobQueue, PortError, PushNotifications, type StandardSchema, Telemetry } from '@pdvend/ports'

const anySale: StandardSchema<{ id: number }, { id: number }> = {
  '~standard': { version: 1, vendor: 'consumer', validate: (value) => ({ value: value as { id: number } }) },
}
const sale = defineJob('sale.close', { input: anySale })

const app = defineApp({ profiles: { local, onprem, aws }, jobs: [sale], requires: { blob: ['signedUrls'], jobs: ['delay'] } })

// @ts-expect-error a capability that does not exist is refused at its line
const wrong: Parameters<typeof defineApp<{ local: typeof local }, { blob: ['flying'] }>>[0]['requires'] = { blob: ['flying'] }

const plan: Provision = await app.provision(process.env)
const nothingToMake = plan.ports.every(({ steps }) => steps.length === 0)
await plan.close()
const askedFor = (profile: string): Promise<readonly string[]> =>
  app.check({ PDVEND_PROFILE: profile }).then(
    () => [],
    (error: unknown) => (isConfigError(error) ? error.problems.map(({ variable }) => variable) : []),
  )
const asked = [await askedFor('onprem'), await askedFor('aws')]

const running: Running = await app.start(process.env)
const blobs: BlobStorage = running.container.get(BlobStorage)
const jobs: JobQueue = running.container.get(JobQueue)
const push: PushNotifications = running.container.get(PushNotifications)
const telemetry: Telemetry = running.container.get(Telemetry)

await blobs.put('notas/ação.txt', 'olá')
const text: string = await (await blobs.get('notas/ação.txt')).text()
const done = new Promise<number>((resolve) => {
  jobs.work([handle(sale, ({ id }: { id: number }) => resolve(id))])
})
await jobs.enqueue(sale, { id: 17 })
const id: number = await done
const missing = await blobs.get('nothing').catch((error: unknown) => PortError.is(error, 'NOT_FOUND'))
await running.close()
console.log(
  JSON.stringify({
    text,
    id,
    missing,
    ports: [push instanceof PushNotifications, telemetry instanceof Telemetry],
    wrong: wrong !== undefined,
    provision: [nothingToMake, asked[0]!.includes('PDVEND_JOBS_BROKERS') && asked[1]!.includes('PDVEND_TELEMETRY_STREAM')],
  }),
)
