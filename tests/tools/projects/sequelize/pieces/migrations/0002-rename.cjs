const orders = { schema: 'shop', tableName: 'orders' }
const customers = { schema: 'shop', tableName: 'customers' }

module.exports = {
  up: async (queryInterface, { TEXT }) => {
    await queryInterface.addColumn(orders, 'channel', { type: TEXT })
    await queryInterface.renameColumn(customers, 'email', 'email_address')
  },
}
