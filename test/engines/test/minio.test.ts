import { describeEngine } from './lifecycle.js'
import { hasObject, putObject } from './s3-request.js'

await describeEngine({ name: 'minio', put: putObject, has: hasObject })
