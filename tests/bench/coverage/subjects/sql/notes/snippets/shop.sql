CREATE TABLE customers (
  id    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name  text NOT NULL,
  city  text,
  phone text
);
CREATE TABLE bikes (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id integer REFERENCES customers (id),
  brand       text
);
CREATE TABLE repairs (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  bike_id     integer REFERENCES bikes (id),
  status      text NOT NULL DEFAULT 'waiting',
  price       numeric(10,2),
  paid        boolean NOT NULL DEFAULT false,
  brought_on  date NOT NULL,
  finished_on date
);
