-- What the best stretch of each scope can be worth at most: what its failures leave unexplained less its price, and what the
-- stretch was worth when the scope was last looked at and what has risen since. As the chance of a failure falls from c to d,
-- no stretch gains more than ln(c / d) by it. Only where there is hope is a scope looked at again.
SELECT
    h.scope,
    h.failures,
    h.price,
    least(
        h.hope + sum(v.weight / 1e3 * ln(greatest(1e0, coalesce(b.chance, e.chance) / e.chance))),
        sum(v.weight / 1e3 * ln(1e0 / e.chance)) - h.price
    ) AS hope
FROM scan_hopes AS h
INNER JOIN scan_values AS v ON h.scope = v.scope
INNER JOIN scan_explained AS e ON v.failure = e.failure
LEFT JOIN scan_looked_at AS b ON v.failure = b.failure
GROUP BY h.scope, h.failures, h.price, h.hope
