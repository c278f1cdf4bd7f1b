const orders = { schema: 'shop', tableName: 'orders' }

module.exports = {
  up: (queryInterface, { DECIMAL }) => queryInterface.addColumn(orders, 'vat', { type: DECIMAL(5, 2) }),
  down: (queryInterface) => queryInterface.removeColumn(orders, 'vat'),
}
