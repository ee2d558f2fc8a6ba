import { describeEngine } from './lifecycle.js'
import { hasRetained, putRetained } from './mqtt-conversation.js'

await describeEngine({ name: 'hivemq', put: putRetained, has: hasRetained })
