export class Vat1767225600000 {
  async up(queryRunner) {
    await queryRunner.query('ALTER TABLE shop.orders ADD COLUMN vat numeric(5, 2)')
  }

  async down(queryRunner) {
    await queryRunner.query('ALTER TABLE shop.orders DROP COLUMN vat')
  }
}
