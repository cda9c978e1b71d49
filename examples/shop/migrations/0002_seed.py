"""Data large enough that a missing index shows: 200 events with 1,000 prices each."""

from django.db import migrations

SEED = """
INSERT INTO shop_venue (name, city)
SELECT 'Hall ' || n, (ARRAY['Seoul','Busan','Incheon','Daegu'])[1 + n % 4]
FROM generate_series(1, 40) n;

INSERT INTO shop_event (title, category, venue_id, starts_at, seats, remaining)
SELECT 'Evening ' || n, (ARRAY['concert','theatre','sport','talk'])[1 + n % 4],
       (SELECT min(id) FROM shop_venue) + n % 40,
       now() + n * interval '7 hours', 400 + n % 5 * 100, 400 + n % 5 * 100
FROM generate_series(1, 200) n;

INSERT INTO shop_price (event_id, at, cents)
SELECT e.id, now() - n * interval '1 hour', 2000 + (e.id * 37 + n * 11) % 6000
FROM generate_series(1, 1000) n CROSS JOIN shop_event e;

INSERT INTO shop_booking (event_id, customer, seats, created_at)
SELECT (SELECT min(id) FROM shop_event) + n % 200, 'c' || n % 5000, 1 + n % 4,
       now() - n * interval '1 minute'
FROM generate_series(1, 50000) n;

ANALYZE shop_venue, shop_event, shop_price, shop_booking;
"""


class Migration(migrations.Migration):
    dependencies = [("shop", "0001_initial")]
    operations = [migrations.RunSQL(SEED, migrations.RunSQL.noop)]
