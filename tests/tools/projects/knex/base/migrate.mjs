import knex from 'knex'
import config from './knexfile.mjs'

const database = knex(config)
try {
  await database.migrate.latest()
} catch ({ message, detail, hint }) {
  console.error([message, detail, hint].filter(Boolean).join('\n'))
  process.exitCode = 1
} finally {
  await database.destroy()
}
