-- Refuses to install where the server's Python cannot run the extension, before anything has been created.

DO LANGUAGE plpython3u $python$
try:
    import jsonschema
except ImportError as error:
    plpy.error(
        "IntegrateDB needs the Python module jsonschema in the server's Python, which cannot be imported: %s" % error,
        sqlstate="58P01",
        hint="Install it where the Postgres server runs and try again. Debian, Ubuntu: apt-get install python3-jsonschema",
    )
$python$;
