import { describeEngine } from './lifecycle.js'
import { hasMessage, putMessage } from './sqs-request.js'

await describeEngine({ name: 'ministack', keeps: 'in-order', put: putMessage, has: hasMessage })
