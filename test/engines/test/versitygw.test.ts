import { describeEngine } from './lifecycle.js'
import { hasObject, putObject } from './s3-request.js'

await describeEngine({ name: 'versitygw', put: putObject, has: hasObject })
