import { createWriteStream } from 'node:fs'
import { describeContract } from '@pdvend/contract'
import { noopTelemetry } from '../src/telemetry-noop/index.js'
import { openStdout } from '../src/telemetry-stdout/driver.js'
import { stdoutTelemetry } from '../src/telemetry-stdout/index.js'
import { embeddedEngine } from './embedded-engine.js'

describeContract(noopTelemetry, { engine: embeddedEngine('telemetry-noop') })

// Standard output is the test runner's: the same driver over a stream that goes nowhere.
const quiet = { ...stdoutTelemetry, open: async () => openStdout(createWriteStream('/dev/null')) }
describeContract(quiet, { engine: embeddedEngine('telemetry-stdout') })
