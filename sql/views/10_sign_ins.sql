-- One row a sign-in attempt, succeeded or failed, of any sign-in table.
-- sign_in_id: Id of the Log Analytics record; unique within workspace_id and source_table
-- workspace_id: the Log Analytics workspace it was read from
-- source_table: the Log Analytics table it landed in
-- seen_at: when the sign-in happened (CreatedDateTime, else TimeGenerated), UTC
-- arrived_at: when the record reached the workspace (ingestion_time()), UTC; says nothing of what caused what
-- user_id: object id of the user; empty for applications
-- user: user principal name
-- domain: what follows the @ of the user principal name
-- app_id: id of the application that was signed in to
-- app: its display name; of service principals, their own
-- service_principal_id: object id of the service principal, where the log names it
-- device_id: the device's id, from the record or, for failures, inferred
-- device: the device's display name; two devices may share one
-- device_known: logged (the record names it), inferred (from the user's successes), unknown
-- os: operating system as the record writes it
-- platform: windows, macos, ios, android, linux
-- trust_type: how the device is joined
-- compliant: whether the device was compliant, where the log says so
-- client: library, broker or browser build that signed in
-- browser: browser or rich client as the record writes it
-- user_agent: user agent header; written by strangers
-- client_app: protocol family of the client
-- ip: address the request came from
-- network: the address's /24 or IPv6 /48
-- subnet: the address's /26 or IPv6 /64
-- asn: autonomous system number of the address
-- country: country or region of the address
-- city: city of the address
-- through_global_secure_access: whether it came through Global Secure Access
-- interactive: whether a person was there
-- result_code: ResultType; 0 is success, 50099 a refused device signature
-- result_text: ResultDescription
-- correlation_id: client-supplied id of the session; no key
-- authentication_requirement: single or multi factor
-- mfa_result: how multi factor authentication went
-- conditional_access_status: success, failure or notApplied
-- policies: conditional access policies that the record lists, with their results
-- risk_level: risk level during sign-in
-- incoming_token_type: what the client presented
WITH attempt AS (
    SELECT s.*, CAST(NULL AS VARCHAR) AS inferred_id, CAST(NULL AS VARCHAR) AS inferred_name
    FROM recorded_sign_ins AS s
    -- so, and not IS DISTINCT FROM: a reader's own condition on the code then reaches the scan of the table
    WHERE coalesce(s.result_code, '') <> '50099'
    UNION ALL
    -- of failures alone a device is inferred
    SELECT s.*, i.device_id AS inferred_id, i.device AS inferred_name
    FROM recorded_sign_ins AS s
    LEFT JOIN inferred_devices AS i
        ON s.workspace_id = i.workspace_id AND s.source_table = i.source_table AND s.sign_in_id = i.sign_in_id
    WHERE s.result_code = '50099'
)
SELECT
    s.sign_in_id,
    s.workspace_id,
    s.source_table,
    s.seen_at,
    s.arrived_at,
    s.user_id,
    s."user",
    s.domain,
    s.app_id,
    s.app,
    s.service_principal_id,
    coalesce(s.device_id, s.inferred_id) AS device_id,
    coalesce(s.device, s.inferred_name) AS device,
    CASE WHEN s.device_id IS NOT NULL THEN 'logged' WHEN s.inferred_id IS NOT NULL THEN 'inferred' ELSE 'unknown' END
        AS device_known,
    s.os,
    s.platform,
    s.trust_type,
    s.compliant,
    s.client,
    s.browser,
    s.user_agent,
    s.client_app,
    s.ip,
    a.network,
    a.subnet,
    s.asn,
    s.country,
    s.city,
    s.through_global_secure_access,
    s.interactive,
    s.result_code,
    s.result_text,
    s.correlation_id,
    s.authentication_requirement,
    s.mfa_result,
    s.conditional_access_status,
    s.policies,
    s.risk_level,
    s.incoming_token_type
FROM attempt AS s
-- an address stands there once: said so, a reader that asks for no network need not look
LEFT JOIN (SELECT ip, max(network) AS network, max(subnet) AS subnet FROM addresses GROUP BY ip) AS a ON s.ip = a.ip
