const orders = { schema: 'shop', tableName: 'orders' }

module.exports = {
  up: (queryInterface, { DECIMAL }) =>
    queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.addColumn(orders, 'vat', { type: DECIMAL(5, 2) }, { transaction })
      await queryInterface.sequelize.query('SELECT integratedb_validate_migration()', { transaction })
    }),
  down: (queryInterface) => queryInterface.removeColumn(orders, 'vat'),
}
