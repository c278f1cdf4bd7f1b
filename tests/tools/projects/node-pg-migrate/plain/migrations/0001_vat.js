export const up = (pgm) => {
  pgm.addColumn({ schema: 'shop', name: 'orders' }, { vat: 'numeric(5, 2)' })
}
