export class Rename1767312000000 {
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE shop.orders ADD COLUMN channel text')
    await queryRunner.query('ALTER TABLE shop.customers RENAME COLUMN email TO email_address')
    await queryRunner.query('SELECT integratedb_validate_migration()')
  }

  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE shop.customers RENAME COLUMN email_address TO email')
    await queryRunner.query('ALTER TABLE shop.orders DROP COLUMN channel')
  }
}
