export default {
  dialect: 'postgresql',
  dbCredentials: { url: process.env.DATABASE_URL },
  migrations: { schema: 'shop', table: 'drizzle_migrations' },
}
