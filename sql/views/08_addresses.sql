-- One row an address that any sign-in came from, with the networks it lies in: taken apart once, not at every sign-in.
-- stored: yes
-- ip: address the request came from
-- network: its /24 or IPv6 /48
-- subnet: its /26 or IPv6 /64
WITH used AS (
    SELECT DISTINCT IPAddress AS ip_address FROM SigninLogs
    UNION
    SELECT DISTINCT IPAddress FROM AADNonInteractiveUserSignInLogs
    UNION
    SELECT DISTINCT IPAddress FROM AADServicePrincipalSignInLogs
    UNION
    SELECT DISTINCT IPAddress FROM AADManagedIdentitySignInLogs
    UNION
    SELECT DISTINCT IPAddress FROM ADFSSignInLogs
)
SELECT
    ip_address AS ip,
    CASE
        WHEN ip_address LIKE '%.%.%.%' THEN concat(regexp_extract(ip_address, '([0-9]+[.][0-9]+[.][0-9]+)[.]', 1), '.0/24')
        -- one network however its addresses are shortened: groups lose leading zeros, those that :: stands for are 0
        WHEN ip_address LIKE '%:%' THEN lower(concat(
            coalesce(nullif(regexp_replace(split_part(split_part(ip_address, '::', 1), ':', 1), '^0+', '', 'g'), ''), '0'), ':',
            coalesce(nullif(regexp_replace(split_part(split_part(ip_address, '::', 1), ':', 2), '^0+', '', 'g'), ''), '0'), ':',
            coalesce(nullif(regexp_replace(split_part(split_part(ip_address, '::', 1), ':', 3), '^0+', '', 'g'), ''), '0'), '::/48'
        ))
    END AS network,
    CASE
        WHEN regexp_matches(ip_address, '^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]{1,3}$') THEN concat(
            regexp_extract(ip_address, '([0-9]+[.][0-9]+[.][0-9]+[.])', 1),
            CAST(CAST(split_part(ip_address, '.', 4) AS BIGINT) // 64 * 64 AS VARCHAR), '/26'
        )
        WHEN ip_address LIKE '%:%' THEN lower(concat(
            coalesce(nullif(regexp_replace(split_part(split_part(ip_address, '::', 1), ':', 1), '^0+', '', 'g'), ''), '0'), ':',
            coalesce(nullif(regexp_replace(split_part(split_part(ip_address, '::', 1), ':', 2), '^0+', '', 'g'), ''), '0'), ':',
            coalesce(nullif(regexp_replace(split_part(split_part(ip_address, '::', 1), ':', 3), '^0+', '', 'g'), ''), '0'), ':',
            coalesce(nullif(regexp_replace(split_part(split_part(ip_address, '::', 1), ':', 4), '^0+', '', 'g'), ''), '0'), '::/64'
        ))
    END AS subnet
FROM used
WHERE ip_address <> ''
