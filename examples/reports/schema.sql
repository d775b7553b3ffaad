-- The database of the example. demo.py invents the passwords that stand for @WEB@ and @WORKER@.
CREATE DATABASE reports CHARACTER SET utf8mb4;
USE reports;

-- What was asked for, and what has become of it. This is what outlives everything else:
-- the queue holds its jobs in memory, so workers look here for what is not done.
CREATE TABLE reports (
  id       CHAR(32) CHARACTER SET ascii PRIMARY KEY,  -- random; also the name of the job in the queue
  kind     ENUM('month', 'region', 'product') NOT NULL,
  title    VARCHAR(100) NOT NULL,
  items    SMALLINT UNSIGNED NOT NULL,                -- sales to be listed in each chapter
  state    ENUM('waiting', 'running', 'done', 'failed') NOT NULL DEFAULT 'waiting',
  worker   VARCHAR(64) NOT NULL DEFAULT '',           -- who does it, or did
  attempt  SMALLINT UNSIGNED NOT NULL DEFAULT 0,      -- how often it was given to a worker
  percent  TINYINT UNSIGNED NOT NULL DEFAULT 0,
  step     VARCHAR(250) NOT NULL DEFAULT '',          -- what the worker does, or why it failed
  pdf      MEDIUMBLOB,
  created  TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  finished TIMESTAMP(3) NULL,
  KEY (state, created)
);

-- What happened to a report, for people to read.
CREATE TABLE history (
  id     INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
  report CHAR(32) CHARACTER SET ascii NOT NULL REFERENCES reports (id),
  at     TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  what   VARCHAR(250) NOT NULL,
  KEY (report)
);

-- The sales of a year, invented.
CREATE TABLE sales (
  id      INT UNSIGNED PRIMARY KEY,
  day     DATE NOT NULL,
  region  VARCHAR(20) NOT NULL,
  product VARCHAR(20) NOT NULL,
  units   SMALLINT UNSIGNED NOT NULL,
  amount  DECIMAL(10, 2) NOT NULL
);
INSERT INTO sales
  SELECT seq, day, region, product, units, ROUND(units * price * (90 + CRC32(CONCAT('d', seq)) % 15) / 100, 2)
  FROM (
    SELECT seq,
      DATE '2025-01-01' + INTERVAL seq * 365 DIV 200001 DAY AS day,
      ELT(1 + CRC32(CONCAT('r', seq)) % 23 DIV 5, 'North', 'South', 'East', 'West', 'Islands') AS region,
      ELT(1 + CRC32(CONCAT('p', seq)) % 6, 'Kettle', 'Lamp', 'Bicycle', 'Umbrella', 'Radio', 'Telescope') AS product,
      ELT(1 + CRC32(CONCAT('p', seq)) % 6, 39.90, 24.50, 620.00, 18.00, 75.00, 590.00) AS price,
      (1 + CRC32(CONCAT('u', seq)) % (4 + seq * 12 DIV 200001)) * IF(CRC32(CONCAT('p', seq)) % 6 IN (2, 5), 1, 10) AS units
    FROM seq_1_to_200000
  ) AS made_up;

-- Each program may do what it has to, and no more.
CREATE USER web@localhost IDENTIFIED BY '@WEB@';
GRANT SELECT, INSERT, UPDATE ON reports.reports TO web@localhost;
GRANT SELECT, INSERT ON reports.history TO web@localhost;
CREATE USER worker@localhost IDENTIFIED BY '@WORKER@';
GRANT SELECT, UPDATE ON reports.reports TO worker@localhost;
GRANT SELECT, INSERT ON reports.history TO worker@localhost;
GRANT SELECT ON reports.sales TO worker@localhost;
