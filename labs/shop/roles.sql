-- Who may do what. The application's password is each sandbox's own and set at its first start.

CREATE ROLE learner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 8;
CREATE ROLE shop_app LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 25;
CREATE ROLE lab_reader LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION NOBYPASSRLS CONNECTION LIMIT 3;

REVOKE ALL ON DATABASE shop FROM PUBLIC;
-- To PUBLIC, which is these roles: DROP OWNED BY learner would take a right of the learner's own.
GRANT CONNECT ON DATABASE shop TO PUBLIC;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- The schema and its tables are the learner's, to look at, to change and to break.
ALTER SCHEMA shop OWNER TO learner;
ALTER TABLE shop.categories OWNER TO learner;
ALTER TABLE shop.products OWNER TO learner;
ALTER TABLE shop.inventory OWNER TO learner;
ALTER TABLE shop.customers OWNER TO learner;
ALTER TABLE shop.reviews OWNER TO learner;
ALTER TABLE shop.orders OWNER TO learner;
ALTER TABLE shop.order_items OWNER TO learner;
GRANT USAGE ON SCHEMA shop TO shop_app;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO shop_app;
GRANT INSERT, UPDATE, DELETE ON shop.products, shop.inventory, shop.orders, shop.order_items, shop.reviews TO shop_app;
GRANT USAGE ON SCHEMA shop TO lab_reader;
GRANT SELECT ON shop.products TO lab_reader;

-- A learner can set these otherwise; what can't be is temp_file_limit, the connection limit and the agent's watchdog.
ALTER ROLE learner SET search_path = shop;
ALTER ROLE learner SET statement_timeout = '5s';
ALTER ROLE learner SET lock_timeout = '3s';
ALTER ROLE learner SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE shop_app SET search_path = shop;
ALTER ROLE shop_app SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE shop_app SET pg_stat_statements.track = 'top';
ALTER ROLE lab_reader SET search_path = shop;
-- A superuser must not find what a learner has made.
ALTER ROLE lab_agent SET search_path = pg_catalog;
