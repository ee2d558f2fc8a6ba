// The process that jobsOutage kills: it holds the database in the middle of a large write.
import { migrations } from '../jobs/schema.js'
import { openDatabase } from '../sqlite/database.js'

const database = await openDatabase(process.argv[2]!, migrations)
/** The engine blocks for milliseconds only, so that another process's write may stand in the way a few times. */
for (let attempt = 0; ; attempt++) {
  try {
    database.prepare('BEGIN IMMEDIATE').run()
    break
  } catch (error) {
    if (attempt === 500) throw error
  }
}
database.prepare('DELETE FROM job').run()
process.send?.('holding')
setInterval(() => {}, 1_000)
