import { DataSource } from 'typeorm'

export default new DataSource({
  type: 'postgres',
  url: process.env.DATABASE_URL,
  schema: 'shop',
  migrations: ['migrations/*.mjs'],
  migrationsTransactionMode: 'each',
})
