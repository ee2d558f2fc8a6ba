import { jest } from '@jest/globals'
import { startOnprem, whyNoOnprem } from '../onprem-home.js'
import { describePages } from './pages-on-engines.js'

jest.setTimeout(180_000)

describePages('MinIO, Kafka, Mosquitto and PostgreSQL', await whyNoOnprem(), startOnprem)
