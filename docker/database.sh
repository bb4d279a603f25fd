#!/bin/sh
# The roles of the database, made once, while its volume is empty: icd_owner makes and changes tables, icd_service
# reads and writes their rows. psql reads the passwords from their files, so that no list of processes shows one.
set -eu

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" <<'SQL'
\set owner_password `cat /run/secrets/database_owner_password`
\set service_password `cat /run/secrets/database_service_password`
CREATE EXTENSION IF NOT EXISTS vector;
CREATE ROLE icd_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE icd_service LOGIN PASSWORD :'service_password';
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
ALTER DATABASE :"DBNAME" OWNER TO icd_owner;
GRANT CONNECT ON DATABASE :"DBNAME" TO icd_service;
ALTER SCHEMA public OWNER TO icd_owner;
GRANT USAGE ON SCHEMA public TO icd_service;
ALTER DEFAULT PRIVILEGES FOR ROLE icd_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO icd_service;
ALTER DEFAULT PRIVILEGES FOR ROLE icd_owner IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO icd_service;
SQL
