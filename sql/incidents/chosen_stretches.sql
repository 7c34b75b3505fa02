-- The best stretch on offer that pays its price, and those of the others that no better one shares a failure with: choosing
-- them at once is choosing them one after the other.
WITH covered AS (
    SELECT o.place, v.failure
    FROM scan_offers AS o
    INNER JOIN scan_values AS v ON o.scope = v.scope AND v.slot >= o.from_slot AND v.slot <= o.to_slot
    WHERE o.score > 0e0
),
first_place AS (
    SELECT failure, min(place) AS place FROM covered GROUP BY failure
),
alone AS (
    SELECT c.place
    FROM covered AS c
    INNER JOIN first_place AS f ON c.failure = f.failure
    GROUP BY c.place
    HAVING bool_and(c.place = f.place)
)
SELECT DISTINCT $chosen + o.place AS number, o.scope, v.kind, v."value", o.from_slot, o.to_slot, o.p, o.price
FROM scan_offers AS o
INNER JOIN alone AS a ON o.place = a.place
INNER JOIN scan_values AS v ON o.scope = v.scope
