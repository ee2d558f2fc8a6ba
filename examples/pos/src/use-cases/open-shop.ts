import { injectable } from 'inversify'
import { BlobStorage, PortError } from '@pdvend/ports'
import { departmentPicture } from '../contracts/api.js'
import { drawDepartment, drawnDepartments } from '../pictures/department-pictures.js'
import { Catalogue } from './catalogue.js'
import { Imports } from './imports.js'

/** The demo catalogue's import always has this id, so that processes that start together import it once. */
const DEMO_IMPORT = '20000101-000000-demo'

/** A new store gets pictures for its departments and the demo catalogue; one that has products is left alone. */
@injectable()
export class OpenShop {
  constructor(
    private readonly blobs: BlobStorage,
    private readonly catalogue: Catalogue,
    private readonly imports: Imports,
  ) {}

  /** `demoCsv` is read only when it is needed. */
  async run(demoCsv: () => Promise<Uint8Array>): Promise<'opened' | 'alreadyOpen'> {
    await Promise.all(drawnDepartments.map((category) => this.#picture(departmentPicture(category), drawDepartment(category))))
    if ((await this.catalogue.read()).products.size > 0) return 'alreadyOpen'
    await this.imports.request(DEMO_IMPORT, 'catalog.csv', await demoCsv())
    return 'opened'
  }

  async #picture(key: string, svg: string): Promise<void> {
    try {
      await this.blobs.put(key, svg, { contentType: 'image/svg+xml', cacheControl: 'private, max-age=3600', if: { create: true } })
    } catch (error) {
      if (!PortError.is(error, 'PRECONDITION_FAILED', 'ALREADY_EXISTS')) throw error
    }
  }
}
