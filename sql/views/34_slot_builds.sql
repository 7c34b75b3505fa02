-- One row a build, as its sign-ins tell it, and a quarter of an hour: how many there were. Kept from night to night.
-- stored: yes
-- kept: by day
-- slot: quarters of an hour since 1970
-- client: library, broker or browser build that signed in; empty where the record names none
-- browser: browser or rich client as the record writes it
-- user_agent: user agent header; written by strangers
-- os: operating system as the record writes it
-- platform: windows, macos, ios, android, linux
-- attempts: sign-ins, whatever their result
-- successes: those that succeeded
-- first_seen_at: the first of them, UTC
SELECT
    date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 900 AS slot,
    coalesce(s.client, '') AS client,
    coalesce(s.browser, '') AS browser,
    coalesce(s.user_agent, '') AS user_agent,
    coalesce(s.os, '') AS os,
    coalesce(s.platform, '') AS platform,
    count(*) AS attempts,
    count(*) FILTER (WHERE s.result_code = '0') AS successes,
    min(s.seen_at) AS first_seen_at
FROM uncounted_sign_ins AS s
WHERE s.seen_at IS NOT NULL
GROUP BY
    date_diff('second', TIMESTAMP '1970-01-01', date_trunc('second', s.seen_at)) // 900,
    coalesce(s.client, ''), coalesce(s.browser, ''), coalesce(s.user_agent, ''), coalesce(s.os, ''), coalesce(s.platform, '')
