class Rename < ActiveRecord::Migration[6.1]
  def change
    add_column "shop.orders", :channel, :text
    rename_column "shop.customers", :email, :email_address
  end
end
