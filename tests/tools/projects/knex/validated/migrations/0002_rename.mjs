export const up = async (knex) => {
  await knex.schema.withSchema('shop').alterTable('orders', (table) => table.text('channel'))
  await knex.schema.withSchema('shop').alterTable('customers', (table) => table.renameColumn('email', 'email_address'))
  await knex.raw('SELECT integratedb_validate_migration()')
}

export const down = async (knex) => {
  await knex.schema.withSchema('shop').alterTable('customers', (table) => table.renameColumn('email_address', 'email'))
  await knex.schema.withSchema('shop').alterTable('orders', (table) => table.dropColumn('channel'))
}
