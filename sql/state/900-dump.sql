-- What pg_dump carries: all that users handed in. The audit log, the lock row and our own marks stay behind.

SELECT pg_catalog.pg_extension_config_dump('integratedb.setting', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.stakeholder', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.stakeholder_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.specification', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.specification_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.claim', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.claim_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.claim_relation', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.claim_relation_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.claim_column', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.own_grant', '');
SELECT pg_catalog.pg_extension_config_dump('integratedb.own_usage', '');
