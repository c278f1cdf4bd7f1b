-- From 0.2.0 to 0.3.0.

-- The users of the management API.
#include sql/state/070-management-user.sql

-- The number of dropped events that an event reports. Only daemon_enforce_limits() wrote events with this beginning.
#include sql/state/075-lost-events.sql
UPDATE integratedb.delivery AS d
   SET lost = pg_catalog.substring(d.event, '^[{]"id": "[0-9A-F-]{25}", "data": [{]"count": ([0-9]{1,18}), ')::bigint
 WHERE d.event LIKE '{"id": "%'
   AND pg_catalog.left(d.event, 1000) LIKE '%"reason": "queue_limit"%';

-- The daemon gets more information about kept events.
DROP FUNCTION integratedb.daemon_backlog();
DROP FUNCTION integratedb.daemon_enforce_limits(bigint, pg_catalog.pg_lsn, bigint);

-- Roles by their identifiers, the role without rights, and the longest wait for the lock.
#include sql/state/080-identity.sql
#include sql/state/085-lock-timeout.sql

-- These functions have other arguments, or another result, now.
DROP FUNCTION integratedb.set_new_password(text, timestamptz);
DROP FUNCTION integratedb.grant_usage(bigint[], oid[]);
DROP FUNCTION integratedb.grant_columns(bigint[], oid[]);
DROP FUNCTION integratedb.reconcile_grants(bigint[], oid[]);
DROP FUNCTION integratedb.hand_in(text, jsonb, text);
DROP FUNCTION integratedb.require_right_to_hand_in(name, text, text, jsonb, jsonb);
DROP FUNCTION integratedb.require_admin_or_self(text);
DROP FUNCTION integratedb.notification_facts();
DROP FUNCTION integratedb.expand(jsonb, text, integer[], oid[]);
DROP FUNCTION integratedb.store_relation(bigint, jsonb);
DROP FUNCTION integratedb.store_expansion(bigint, integer[], oid[]);
DROP FUNCTION integratedb.rename_hint(jsonb, integer, text, text, text);
DROP FUNCTION integratedb.revoke_surplus(bigint[], oid[]);
DROP FUNCTION integratedb.require_free_name(text);
DROP FUNCTION integratedb.end_sessions(name);
DROP FUNCTION integratedb.parse_notifications(jsonb, jsonb);
DROP FUNCTION integratedb.problems_of(bigint[]);
DROP FUNCTION integratedb.touched_claims(xid8);
DROP FUNCTION integratedb.check_transaction();
DROP FUNCTION integratedb.concerns_notifications();
DROP FUNCTION integratedb.follow_notifications();
DROP FUNCTION integratedb.reconcile_publications();
DROP FUNCTION integratedb.publish_control(bigint[], oid[]);
DROP FUNCTION integratedb.claimed_schema(bigint);
DROP FUNCTION integratedb.type_structures(oid[]);
DROP FUNCTION integratedb.describe_unmet(bigint[]);
DROP FUNCTION integratedb.warn_unmet(bigint[], text);

-- The checks that are queued in a transaction, including that of the update.
#include sql/state/088-queued-check.sql

INSERT INTO integratedb.queued_check (xid)
SELECT DISTINCT e.xid
  FROM integratedb.ddl_event AS e
 WHERE e.check_queued
   AND e.xid OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id();

-- The audit log contained the literals of calls, and passwords after nested comments.
#include sql/code/10-engine/088-query-text.sql

UPDATE integratedb.ddl_event AS e
   SET query = integratedb.masked(e.query)
 WHERE e.query IS NOT NULL;

-- Transactions that removed a replica identity.
#include sql/state/093-identity-changes.sql
DROP FUNCTION integratedb.judge(bigint[]);
DROP FUNCTION integratedb.touched_relations(xid8);

-- Each claim has its match.
#include sql/state/095-match-documents.sql

-- Events keep their order by other keys. Waiting events keep their order with all others.
#include sql/state/097-row-keys.sql

-- Relations and columns that wildcards leave out.
#include sql/state/098-left-out.sql

-- The daemon learns the types that a transaction changes before the rows that it writes.
#include sql/state/099-changed-types.sql

-- Relations that no submitter could grant any more.
#include sql/state/100-ungranted.sql

-- Unique keys and references of claims.
#include sql/state/105-claim-keys.sql
-- The data API.
#include sql/state/110-surface.sql
#include sql/state/115-api-key.sql

-- Saved queries.
#include sql/state/120-saved-queries.sql

-- Muted findings of the advisers.
#include sql/state/125-muted-advice.sql

-- Deprecations and waivers.
#include sql/state/130-deprecations.sql
#include sql/state/132-waivers.sql

-- Requests.
#include sql/state/135-requests.sql
#include sql/state/140-events.sql

-- Leases.
#include sql/state/145-leases.sql

-- Timelines. The ids of events contain them, and stand in the events.
#include sql/state/150-timelines.sql
DROP FUNCTION integratedb.event_id(pg_catalog.pg_lsn, bigint);
DROP FUNCTION integratedb.daemon_slot(text);

-- Who was told of a deprecation.
#include sql/state/155-deprecation-notices.sql

-- The trigger fires for every command now. The code creates it again.
DROP EVENT TRIGGER integratedb_ddl_command_end;
