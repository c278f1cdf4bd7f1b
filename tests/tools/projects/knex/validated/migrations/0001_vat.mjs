export const up = async (knex) => {
  await knex.schema.withSchema('shop').alterTable('orders', (table) => table.decimal('vat', 5, 2))
  await knex.raw('SELECT integratedb_validate_migration()')
}

export const down = (knex) => knex.schema.withSchema('shop').alterTable('orders', (table) => table.dropColumn('vat'))
