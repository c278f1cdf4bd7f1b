export const up = (pgm) => {
  pgm.addColumn({ schema: 'shop', name: 'orders' }, { channel: 'text' })
  pgm.renameColumn({ schema: 'shop', name: 'customers' }, 'email', 'email_address')
  pgm.sql('SELECT integratedb_validate_migration()')
}
