import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract } from '@pdvend/contract'
import { localJobs } from '@pdvend/local/jobs'
import { embeddedEngine } from './embedded-engine.js'

describeContract(localJobs, { engine: embeddedEngine('jobs'), runner: { describe, test, beforeAll, afterAll } as never, mutants: true })
