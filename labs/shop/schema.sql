-- The shop's tables. Short texts are bounded, so that no table needs a second one for long values.

CREATE SCHEMA shop;

CREATE TABLE shop.categories (
    category_id integer PRIMARY KEY,
    name        varchar(40) NOT NULL
);

CREATE TABLE shop.products (
    product_id  integer PRIMARY KEY,
    category_id integer NOT NULL,
    name        varchar(60) NOT NULL,
    price       numeric(8, 2) NOT NULL CHECK (price > 0),
    version     integer NOT NULL DEFAULT 1
) WITH (fillfactor = 80);

CREATE TABLE shop.inventory (
    product_id  integer NOT NULL,
    warehouse   varchar(20) NOT NULL,
    quantity    integer NOT NULL CHECK (quantity >= 0),
    PRIMARY KEY (product_id, warehouse)
);

CREATE TABLE shop.customers (
    customer_id integer PRIMARY KEY,
    name        varchar(40) NOT NULL
);

CREATE TABLE shop.reviews (
    product_id  integer NOT NULL,
    review_id   integer NOT NULL,
    customer_id integer NOT NULL,
    stars       smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    written_on  date NOT NULL,
    title       varchar(60) NOT NULL
);

CREATE TABLE shop.orders (
    order_id    integer NOT NULL,
    customer_id integer NOT NULL,
    ordered_on  date NOT NULL
);

CREATE TABLE shop.order_items (
    order_id    integer NOT NULL,
    product_id  integer NOT NULL,
    quantity    smallint NOT NULL
);
