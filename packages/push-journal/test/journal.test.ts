import { describe, test } from '@jest/globals'
import { journalCases } from '@pdvend/contract'
import { missing, testServer, titled } from './server.js'

const server = testServer()

describe(titled('the journal in PostgreSQL'), () => {
  for (const { title, run } of journalCases) {
    if (missing === undefined) test(title, () => run((bounds) => server.open({ schema: 'pdvend_cases', poolSize: 2, ...bounds })))
    else test.skip(title, () => {})
  }
})
