// What comes nearest to a server that dies: a process that holds the database in the middle of a large write, until it is
// killed. Meanwhile nobody else can write; afterwards what it wrote must be gone.
import LibSql from 'libsql'

const database = new LibSql(process.argv[2], { timeout: 10_000 })
database.exec('BEGIN IMMEDIATE')
database.exec('DELETE FROM job')
process.send('holding')
setInterval(() => {}, 1_000)
