-- The shop of the README in a new container: its owner, an admin of IntegrateDB, and the tables.
CREATE ROLE shop_owner LOGIN;
CREATE ROLE shop_admin LOGIN IN ROLE integratedb_admin;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
SET SESSION AUTHORIZATION shop_owner;
\ir /demo/shop.sql
