import type { KafkaClient } from '../client.js'
import type { Connection } from '../connection.js'
import { platformaticAdmin } from './platformatic-admin.js'
import { type Library, optionsOf } from './platformatic-library.js'
import { platformaticProducer } from './platformatic-producer.js'
import { platformaticReader } from './platformatic-reader.js'

/**
 * The seam over @platformatic/kafka. Its clients are dropped and made anew after a request that got no answer: 1.35.0 goes on
 * using the connection, and misreads what follows the late answer (2.12.1 closes it).
 */
export async function platformaticClient(
  connection: Connection,
  load: () => Promise<unknown> = () => import('@platformatic/kafka'),
): Promise<KafkaClient> {
  const library = (await load()) as Library
  const options = optionsOf(connection)
  const opened = new Set<{ close(): Promise<void> }>()
  const owned = <T extends { close(): Promise<void> }>(resource: T): T => {
    opened.add(resource)
    const close = resource.close.bind(resource)
    resource.close = () => {
      opened.delete(resource)
      return close()
    }
    return resource
  }
  const admin = platformaticAdmin(library, options)
  return {
    library: `@platformatic/kafka ${String(library.clientSoftwareVersion)}`,
    admin,
    producer: async (o) => owned(await platformaticProducer(library, options, o)),
    reader: async (from, o) => owned(await platformaticReader(library, options, from, o)),
    async close() {
      await Promise.all([...opened].map((resource) => resource.close()))
      await admin.close()
    },
  }
}
