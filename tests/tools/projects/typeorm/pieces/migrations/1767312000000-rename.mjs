export class Rename1767312000000 {
  transaction = false

  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE shop.orders ADD COLUMN channel text')
    await queryRunner.query('ALTER TABLE shop.customers RENAME COLUMN email TO email_address')
  }

  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE shop.customers RENAME COLUMN email_address TO email')
    await queryRunner.query('ALTER TABLE shop.orders DROP COLUMN channel')
  }
}
