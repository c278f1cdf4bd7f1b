"""Makes a highly available cluster: etcd, Patroni and Postgres on each node, and the agent that supervises them."""
