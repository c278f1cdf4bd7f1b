-- From 0.2.0 to 0.3.0.

-- The users of the management API.
#include sql/state/070-api-user.sql
