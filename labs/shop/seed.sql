-- The shop's rows: the same on every machine. Chance comes from md5 of the row's number, never from random().
-- {products}, {categories} and {step} are those of labs/shop/popularity.py; {reviews}, {orders} and {customers} of template.py.

-- A number from 0 to 1 (less than 1) for a row and a purpose.
CREATE FUNCTION shop.chance(purpose text, row_number integer) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('x' || substr(md5(purpose || row_number), 1, 8))::bit(32)::bigint / 4294967296.0;

-- A popularity rank for a chance: few products get most, as in a Zipf law whose head is flattened a little.
CREATE FUNCTION shop.rank_for(chance float8) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least({products}, 1 + floor(power(power(3.0, 0.2) + chance * (power({products} + 3.0, 0.2) - power(3.0, 0.2)), 5) - 3)::integer);

INSERT INTO shop.categories
SELECT number, (ARRAY['Kettles', 'Lamps', 'Notebooks', 'Knives', 'Headphones', 'Backpacks', 'Chairs', 'Bicycles', 'Teas', 'Pens',
                      'Radios', 'Shoes', 'Clocks', 'Blankets', 'Cameras', 'Puzzles', 'Plants', 'Mugs', 'Tents', 'Scarves'])[number]
  FROM generate_series(1, {categories}) AS number;

INSERT INTO shop.products
SELECT 1 + rank * {step} % {products},
       1 + rank % {categories},
       (ARRAY['Copper', 'Walnut', 'Arctic', 'Velvet', 'Amber', 'Granite', 'Indigo', 'Linen', 'Silver', 'Cedar', 'Coral', 'Slate'])[1 + floor(12 * shop.chance('look', rank))::integer]
       || ' ' || (ARRAY['Classic', 'Compact', 'Travel', 'Studio', 'Garden', 'Harbour', 'Summit', 'Evening'])[1 + floor(8 * shop.chance('make', rank))::integer]
       || ' ' || rank,
       round((3 + 197 * power(shop.chance('price', rank), 2))::numeric, 2)
  FROM generate_series(1, {products}) AS rank
 ORDER BY 1;

INSERT INTO shop.inventory
SELECT product_id, warehouse, floor(200 * shop.chance(warehouse, product_id))
  FROM shop.products, unnest(ARRAY['north', 'south', 'harbour']) AS warehouse;

INSERT INTO shop.customers
SELECT number, (ARRAY['Ada', 'Ben', 'Chen', 'Dora', 'Emil', 'Fatima', 'Goran', 'Hana', 'Ivo', 'Jun', 'Kira', 'Liam'])[1 + floor(12 * shop.chance('customer', number))::integer] || ' ' || number
  FROM generate_series(1, {customers}) AS number;

-- Reviews come in the order of time, so those of one product lie all over the table.
INSERT INTO shop.reviews
SELECT 1 + shop.rank_for(shop.chance('reviewed', number)) * {step} % {products},
       number,
       1 + floor({customers} * shop.chance('reviewer', number))::integer,
       (ARRAY[1, 2, 3, 3, 4, 4, 4, 5, 5, 5, 5, 5])[1 + floor(12 * shop.chance('stars', number))::integer],
       date '2022-01-01' + (1460.0 * number / {reviews})::integer,
       (ARRAY['Does what it says', 'Would buy it again', 'Smaller than I thought', 'A gift that was loved', 'Broke after a month', 'Worth every cent',
              'Good, not great', 'Better than the last one', 'Arrived late', 'My favourite this year'])[1 + floor(10 * shop.chance('title', number))::integer]
  FROM generate_series(1, {reviews}) AS number;

INSERT INTO shop.orders
SELECT number, 1 + floor({customers} * shop.chance('buyer', number))::integer, date '2022-01-01' + (1460.0 * number / {orders})::integer
  FROM generate_series(1, {orders}) AS number;

INSERT INTO shop.order_items
SELECT DISTINCT ON (number, product_id)
       number, 1 + shop.rank_for(shop.chance('bought' || place, number)) * {step} % {products} AS product_id, 1 + floor(3 * shop.chance('many', number))::smallint
  FROM generate_series(1, {orders}) AS number, generate_series(1, 3) AS place
 WHERE place <= 1 + floor(3 * shop.chance('places', number))
 ORDER BY number, product_id;

ALTER TABLE shop.reviews ADD PRIMARY KEY (product_id, review_id);
ALTER TABLE shop.orders ADD PRIMARY KEY (order_id);
ALTER TABLE shop.order_items ADD PRIMARY KEY (order_id, product_id);
CREATE INDEX ON shop.order_items (product_id);
CREATE INDEX ON shop.products (category_id);

DROP FUNCTION shop.chance;
DROP FUNCTION shop.rank_for;
