import { drizzle } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'

const db = drizzle(process.env.DATABASE_URL)
try {
  await migrate(db, { migrationsFolder: 'drizzle', migrationsSchema: 'shop', migrationsTable: 'drizzle_migrations' })
} catch (error) {
  const { message, detail, hint } = error.cause ?? error
  console.error([message, detail, hint].filter(Boolean).join('\n'))
  process.exitCode = 1
} finally {
  await db.$client.end()
}
