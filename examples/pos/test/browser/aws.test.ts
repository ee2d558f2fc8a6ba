import { jest } from '@jest/globals'
import { whyNoAwsHome } from '@pdvend/engines'
import { startAws } from '../aws-home.js'
import { describePages } from './pages-on-engines.js'

jest.setTimeout(180_000)

describePages('S3, SQS, Firehose and IoT Core, all of them emulated', await whyNoAwsHome(), startAws)
