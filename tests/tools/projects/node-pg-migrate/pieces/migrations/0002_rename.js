export const up = (pgm) => {
  pgm.noTransaction()
  pgm.addColumn({ schema: 'shop', name: 'orders' }, { channel: 'text' })
  pgm.renameColumn({ schema: 'shop', name: 'customers' }, 'email', 'email_address')
}
