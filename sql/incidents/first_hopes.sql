-- Each scope with what it must explain before it is believed: the more failures bear it, the more stretches there are to
-- choose from. Of what it can be worth nothing is known yet.
SELECT v.scope, count(*) AS failures, max(g.price) + 15e-1 * ln(1e0 + count(*)) AS price, 1e9 AS hope
FROM scan_values AS v
INNER JOIN scan_gaps AS g ON v.scope = g.scope AND v.slot = g.slot
GROUP BY v.scope
