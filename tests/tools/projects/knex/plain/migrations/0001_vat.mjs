export const up = (knex) => knex.schema.withSchema('shop').alterTable('orders', (table) => table.decimal('vat', 5, 2))

export const down = (knex) => knex.schema.withSchema('shop').alterTable('orders', (table) => table.dropColumn('vat'))
