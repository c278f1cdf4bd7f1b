class Rename < ActiveRecord::Migration[6.1]
  def change
    add_column "shop.orders", :channel, :text
    rename_column "shop.customers", :email, :email_address
    up_only { execute "SELECT integratedb_validate_migration()" }
  end
end
