import { describeContract } from '@pdvend/contract'
import { localTelemetry } from '../src/telemetry/index.js'
import { embeddedEngine } from './embedded-engine.js'

describeContract(localTelemetry, { engine: embeddedEngine('telemetry'), mutants: true })
