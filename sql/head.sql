\echo Use "CREATE EXTENSION integratedb" to load this file. \quit
