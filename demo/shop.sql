-- The shop: the tables of a primary application, with data. The demo tells its story on them and the SQL tests run on
-- them; both make the schema first, owned by an ordinary role, and run this file as that role.

CREATE TYPE shop.order_status AS ENUM ('new', 'paid', 'shipped', 'cancelled');

CREATE DOMAIN shop.email AS text
  CHECK (VALUE ~ '^[^@\s]+@[^@\s]+$');

CREATE TABLE shop.customers (
  id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name       varchar(80) NOT NULL,
  email      shop.email  NOT NULL UNIQUE,
  phone      varchar(20),
  created_at timestamptz NOT NULL
);

CREATE TABLE shop.products (
  id         bigint         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sku        varchar(12)    NOT NULL UNIQUE,
  name       text           NOT NULL,
  price      numeric(10, 2) NOT NULL CHECK (price >= 0),
  tags       text[]         NOT NULL DEFAULT '{}',
  attributes jsonb
);

CREATE TABLE shop.orders (
  id          bigint            GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint            NOT NULL REFERENCES shop.customers,
  status      shop.order_status NOT NULL DEFAULT 'new',
  total       numeric(12, 2)    NOT NULL,
  note        varchar(200),
  placed_at   timestamptz       NOT NULL
);

CREATE TABLE shop.order_lines (
  order_id   bigint         NOT NULL REFERENCES shop.orders ON DELETE CASCADE,
  product_id bigint         NOT NULL REFERENCES shop.products,
  quantity   integer        NOT NULL CHECK (quantity > 0),
  price      numeric(10, 2) NOT NULL,
  PRIMARY KEY (order_id, product_id)
);

-- What happened in the shop, by year.
CREATE TABLE shop.visits (
  visitor    uuid        NOT NULL,
  page       text        NOT NULL,
  visited_at timestamptz NOT NULL
) PARTITION BY RANGE (visited_at);

CREATE TABLE shop.visits_2025 PARTITION OF shop.visits
  FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE shop.visits_2026 PARTITION OF shop.visits
  FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

CREATE VIEW shop.open_orders AS
  SELECT orders.id, orders.placed_at, customers.name AS customer, orders.total
  FROM shop.orders
  JOIN shop.customers ON customers.id = orders.customer_id
  WHERE orders.status IN ('new', 'paid');

INSERT INTO shop.customers (name, email, phone, created_at)
  SELECT given || ' ' || family,
         lower(given) || '.' || lower(family) || '@mail.example',
         CASE WHEN row_number() OVER names % 3 <> 0 THEN '+49 30 ' || 5550000 + row_number() OVER names END,
         timestamptz '2025-03-01 09:00+00' + row_number() OVER names * interval '37 hours'
  FROM unnest(ARRAY['Ada', 'Ben', 'Chidi', 'Dilan', 'Elif', 'Femke']) AS given,
       unnest(ARRAY['Okafor', 'Lindqvist', 'Moreau', 'Tanaka', 'Weber']) AS family
  WINDOW names AS (ORDER BY given, family);

INSERT INTO shop.products (sku, name, price, tags, attributes)
VALUES ('TEA-001', 'Earl Grey, 100 g', 7.90, '{tea,black}', '{"organic": true}'),
       ('TEA-002', 'Sencha, 100 g', 9.50, '{tea,green}', '{"organic": true}'),
       ('COF-001', 'Espresso beans, 500 g', 13.20, '{coffee}', '{"roast": "dark"}'),
       ('COF-002', 'Filter beans, 500 g', 12.40, '{coffee}', '{"roast": "light"}'),
       ('CUP-001', 'Cup, stoneware', 18.00, '{tableware}', NULL),
       ('POT-001', 'Teapot, cast iron', 64.00, '{tableware,tea}', NULL);

INSERT INTO shop.orders (customer_id, status, total, placed_at)
  SELECT 1 + n * 7 % 30,
         (ARRAY['shipped', 'shipped', 'paid', 'new', 'cancelled'])[1 + n % 5]::shop.order_status,
         0,
         timestamptz '2026-01-02 08:00+00' + n * interval '5 hours 13 minutes'
  FROM generate_series(1, 200) AS n;

INSERT INTO shop.order_lines (order_id, product_id, quantity, price)
  SELECT orders.id, products.id, 1 + (orders.id + products.id) % 3, products.price
  FROM shop.orders
  JOIN shop.products ON (orders.id + products.id * 5) % 3 = 0;

UPDATE shop.orders
SET total = lines.total
FROM (SELECT order_id, sum(quantity * price) AS total FROM shop.order_lines GROUP BY order_id) AS lines
WHERE lines.order_id = orders.id;

CREATE MATERIALIZED VIEW shop.sales AS
  SELECT products.sku, sum(order_lines.quantity) AS quantity, sum(order_lines.quantity * order_lines.price) AS revenue
  FROM shop.order_lines
  JOIN shop.products ON products.id = order_lines.product_id
  GROUP BY products.sku;
