class Vat < ActiveRecord::Migration[6.1]
  def change
    add_column "shop.orders", :vat, :decimal, precision: 5, scale: 2
  end
end
