"""What ends the session of a preview that goes on when it should have ended.

Postgres cancels a statement once. Statements that catch that go on, with the locks that they have; and those whose client is
gone go on until they would answer it.
"""

from __future__ import annotations

from typing import Final, LiteralString

#: Lets the server notice that its client is gone. Some platforms cannot, and refuse the setting.
WATCHED: Final[LiteralString] = "SELECT pg_catalog.set_config('client_connection_check_interval', '2s', true)"
#: Which session this is, and how long a statement may take here (0: as long as it does). The statements may change that, so
#: it is asked before them, in the same transaction: behind a pooler, the next one may be in another session. The number of a session is another's later; a text of the time would depend on settings.
SESSION: Final[LiteralString] = """
SELECT a.pid,
       (pg_catalog.date_part('epoch', a.backend_start) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 AS began,
       s.setting::pg_catalog.int8 AS timeout_ms
  FROM pg_catalog.pg_stat_activity AS a, pg_catalog.pg_settings AS s
 WHERE a.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
   AND s.name OPERATOR(pg_catalog.=) 'statement_timeout'
"""
#: Ends that session; its own login may.
END: Final[LiteralString] = """
SELECT pg_catalog.pg_terminate_backend(a.pid)
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.pid OPERATOR(pg_catalog.=) %(pid)s::pg_catalog.int4
   AND (pg_catalog.date_part('epoch', a.backend_start) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8
       OPERATOR(pg_catalog.=) %(began)s::pg_catalog.int8
"""
#: Gives back the locks that no rollback does: behind a pooler, the session serves others next.
UNLOCK: Final[LiteralString] = "SELECT pg_catalog.pg_advisory_unlock_all()"
#: Statements that were prepared in this transaction, which no rollback takes back either: whether there are some, and their end.
#: Their names never leave the server, for they may be no text in the client's encoding.
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
#: How much longer than its timeout a preview may take until its session is ended, and how often that is tried.
GRACE_S: Final = 2.0
AGAIN_S: Final = 2.0
