"""Contains SQL that ends the session of a preview that continues after its time limit.

Postgres cancels a statement once. Statements that catch the cancellation continue, with their locks. Statements whose
client has disconnected continue until they send an answer.
"""

from __future__ import annotations

from typing import Final, LiteralString

#: Makes the server notice that its client has disconnected. Some platforms cannot, and refuse the setting.
WATCHED: Final[LiteralString] = "SELECT pg_catalog.set_config('client_connection_check_interval', '2s', true)"
#: Identifies the session by process id and start, since process ids are reused, and returns its statement timeout (0:
#: none). It runs before the preview's statements, which may change the timeout. It runs in the same transaction, since
#: a pooler may use another session for the next one. The start is a number, since a text would depend on settings.
SESSION: Final[LiteralString] = """
SELECT a.pid,
       (pg_catalog.date_part('epoch', a.backend_start) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 AS began,
       s.setting::pg_catalog.int8 AS timeout_ms
  FROM pg_catalog.pg_stat_activity AS a, pg_catalog.pg_settings AS s
 WHERE a.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
   AND s.name OPERATOR(pg_catalog.=) 'statement_timeout'
"""
#: Ends that session; a session of the same login may do so.
END: Final[LiteralString] = """
SELECT pg_catalog.pg_terminate_backend(a.pid)
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.pid OPERATOR(pg_catalog.=) %(pid)s::pg_catalog.int4
   AND (pg_catalog.date_part('epoch', a.backend_start) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8
       OPERATOR(pg_catalog.=) %(began)s::pg_catalog.int8
"""
#: Releases the locks that no rollback releases, because a pooler gives the session to another client next.
UNLOCK: Final[LiteralString] = "SELECT pg_catalog.pg_advisory_unlock_all()"
#: Find and deallocate the statements that were prepared in this transaction, which no rollback removes either. Their
#: names stay on the server, because the client's encoding may not have their characters.
PREPARED: Final[LiteralString] = """
SELECT
  FROM pg_catalog.pg_prepared_statements AS p
 WHERE p.prepare_time OPERATOR(pg_catalog.>=) pg_catalog.transaction_timestamp()
 LIMIT 1
"""
DEALLOCATE: Final[LiteralString] = """
DO LANGUAGE plpgsql $deallocate$
DECLARE
    prepared pg_catalog.text;
BEGIN
    FOR prepared IN
        SELECT p.name
          FROM pg_catalog.pg_prepared_statements AS p
         WHERE p.prepare_time OPERATOR(pg_catalog.>=) pg_catalog.transaction_timestamp()
    LOOP
        EXECUTE pg_catalog.concat('DEALLOCATE "', pg_catalog.replace(prepared, '"', '""'), '"');
    END LOOP;
END
$deallocate$
"""
#: How long after its timeout a preview's session is ended, and how often that is tried.
GRACE_S: Final = 2.0
AGAIN_S: Final = 2.0
