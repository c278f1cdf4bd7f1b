export const up = (pgm) => {
  pgm.addColumn({ schema: 'shop', name: 'orders' }, { vat: 'numeric(5, 2)' })
  pgm.sql('SELECT integratedb_validate_migration()')
}
