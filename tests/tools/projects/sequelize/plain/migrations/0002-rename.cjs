const orders = { schema: 'shop', tableName: 'orders' }
const customers = { schema: 'shop', tableName: 'customers' }

module.exports = {
  up: (queryInterface, { TEXT }) =>
    queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.addColumn(orders, 'channel', { type: TEXT }, { transaction })
      await queryInterface.renameColumn(customers, 'email', 'email_address', { transaction })
    }),
  down: (queryInterface) =>
    queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.renameColumn(customers, 'email_address', 'email', { transaction })
      await queryInterface.removeColumn(orders, 'channel', { transaction })
    }),
}
