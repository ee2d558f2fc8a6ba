import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract } from '@pdvend/contract'
import { localBlob } from '@pdvend/local/blob'
import { blobEngine } from './blob/engine.js'

describeContract(localBlob, { engine: await blobEngine(), runner: { describe, test, beforeAll, afterAll } as never, mutants: true })
