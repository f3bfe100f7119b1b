-- Each statement bears being run again: this file is loaded whenever it has changed.
CREATE TABLE IF NOT EXISTS product (
  id INT PRIMARY KEY,
  name VARCHAR(80) NOT NULL,
  price DECIMAL(8, 2) NOT NULL
);
CREATE TABLE IF NOT EXISTS visit (
  id BIGINT PRIMARY KEY AUTO_INCREMENT,
  server VARCHAR(63) NOT NULL,
  at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT IGNORE INTO product (id, name, price) VALUES
  (1, 'Baton, maple', 24.00), (2, 'Music stand', 39.50), (3, 'Metronome', 31.90);
