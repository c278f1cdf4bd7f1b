class Rename < ActiveRecord::Migration[6.1]
  disable_ddl_transaction!

  def change
    add_column "shop.orders", :channel, :text
    rename_column "shop.customers", :email, :email_address
  end
end
