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
WITH logged AS (
    SELECT
        Id AS sign_in_id,
        WorkspaceId AS workspace_id,
        'SigninLogs' AS source_table,
        coalesce(CreatedDateTime, TimeGenerated) AS seen_at,
        coalesce(IngestedAt, TimeGenerated, CreatedDateTime) AS arrived_at,
        UserId AS user_id,
        UserPrincipalName AS user_name,
        UserDisplayName AS user_display_name,
        AppId AS app_id,
        AppDisplayName AS app_name,
        ServicePrincipalId AS service_principal_id,
        DeviceDetail.deviceId AS device_id,
        DeviceDetail.displayName AS device_name,
        DeviceDetail.operatingSystem AS os,
        DeviceDetail.browser AS browser,
        DeviceDetail.trustType AS trust_type,
        DeviceDetail.isCompliant AS compliant,
        AuthenticationProcessingDetails AS processing_details,
        UserAgent AS user_agent,
        ClientAppUsed AS client_app,
        IPAddress AS ip_address,
        AutonomousSystemNumber AS asn,
        coalesce(nullif(LocationDetails.countryOrRegion, ''), Location) AS country,
        LocationDetails.city AS city,
        IsThroughGlobalSecureAccess AS through_global_secure_access,
        coalesce(IsInteractive, true) AS interactive,
        ResultType AS result_code,
        ResultDescription AS result_text,
        CorrelationId AS correlation_id,
        AuthenticationRequirement AS authentication_requirement,
        coalesce(nullif(Status.additionalDetails, ''), nullif(MfaDetail.authDetail, ''), nullif(MfaDetail.authMethod, '')) AS mfa_result,
        ConditionalAccessStatus AS conditional_access_status,
        ConditionalAccessPolicies AS policies,
        RiskLevelDuringSignIn AS risk_level,
        IncomingTokenType AS incoming_token_type
    FROM SigninLogs
    UNION ALL
    SELECT
        Id AS sign_in_id,
        WorkspaceId AS workspace_id,
        'AADNonInteractiveUserSignInLogs' AS source_table,
        coalesce(CreatedDateTime, TimeGenerated) AS seen_at,
        coalesce(IngestedAt, TimeGenerated, CreatedDateTime) AS arrived_at,
        UserId AS user_id,
        UserPrincipalName AS user_name,
        UserDisplayName AS user_display_name,
        AppId AS app_id,
        AppDisplayName AS app_name,
        ServicePrincipalId AS service_principal_id,
        DeviceDetail.deviceId AS device_id,
        DeviceDetail.displayName AS device_name,
        DeviceDetail.operatingSystem AS os,
        DeviceDetail.browser AS browser,
        DeviceDetail.trustType AS trust_type,
        DeviceDetail.isCompliant AS compliant,
        AuthenticationProcessingDetails AS processing_details,
        UserAgent AS user_agent,
        ClientAppUsed AS client_app,
        IPAddress AS ip_address,
        AutonomousSystemNumber AS asn,
        coalesce(nullif(LocationDetails.countryOrRegion, ''), Location) AS country,
        LocationDetails.city AS city,
        IsThroughGlobalSecureAccess AS through_global_secure_access,
        false AS interactive,
        ResultType AS result_code,
        ResultDescription AS result_text,
        CorrelationId AS correlation_id,
        AuthenticationRequirement AS authentication_requirement,
        coalesce(nullif(Status.additionalDetails, ''), nullif(MfaDetail.authDetail, ''), nullif(MfaDetail.authMethod, '')) AS mfa_result,
        ConditionalAccessStatus AS conditional_access_status,
        coalesce(ConditionalAccessPolicies, ConditionalAccessPoliciesV2) AS policies,
        RiskLevelDuringSignIn AS risk_level,
        IncomingTokenType AS incoming_token_type
    FROM AADNonInteractiveUserSignInLogs
    UNION ALL
    SELECT
        Id AS sign_in_id,
        WorkspaceId AS workspace_id,
        'AADServicePrincipalSignInLogs' AS source_table,
        coalesce(CreatedDateTime, TimeGenerated) AS seen_at,
        coalesce(IngestedAt, TimeGenerated, CreatedDateTime) AS arrived_at,
        CAST(NULL AS VARCHAR) AS user_id,
        CAST(NULL AS VARCHAR) AS user_name,
        CAST(NULL AS VARCHAR) AS user_display_name,
        AppId AS app_id,
        ServicePrincipalName AS app_name,
        ServicePrincipalId AS service_principal_id,
        CAST(NULL AS VARCHAR) AS device_id,
        CAST(NULL AS VARCHAR) AS device_name,
        CAST(NULL AS VARCHAR) AS os,
        CAST(NULL AS VARCHAR) AS browser,
        CAST(NULL AS VARCHAR) AS trust_type,
        CAST(NULL AS BOOLEAN) AS compliant,
        AuthenticationProcessingDetails AS processing_details,
        UserAgent AS user_agent,
        CAST(NULL AS VARCHAR) AS client_app,
        IPAddress AS ip_address,
        AutonomousSystemNumber AS asn,
        coalesce(nullif(LocationDetails.countryOrRegion, ''), Location) AS country,
        LocationDetails.city AS city,
        CAST(NULL AS BOOLEAN) AS through_global_secure_access,
        false AS interactive,
        ResultType AS result_code,
        ResultDescription AS result_text,
        CorrelationId AS correlation_id,
        CAST(NULL AS VARCHAR) AS authentication_requirement,
        CAST(NULL AS VARCHAR) AS mfa_result,
        ConditionalAccessStatus AS conditional_access_status,
        ConditionalAccessPolicies AS policies,
        CAST(NULL AS VARCHAR) AS risk_level,
        CAST(NULL AS VARCHAR) AS incoming_token_type
    FROM AADServicePrincipalSignInLogs
    UNION ALL
    SELECT
        Id AS sign_in_id,
        WorkspaceId AS workspace_id,
        'AADManagedIdentitySignInLogs' AS source_table,
        coalesce(CreatedDateTime, TimeGenerated) AS seen_at,
        coalesce(IngestedAt, TimeGenerated, CreatedDateTime) AS arrived_at,
        CAST(NULL AS VARCHAR) AS user_id,
        CAST(NULL AS VARCHAR) AS user_name,
        CAST(NULL AS VARCHAR) AS user_display_name,
        AppId AS app_id,
        ServicePrincipalName AS app_name,
        ServicePrincipalId AS service_principal_id,
        CAST(NULL AS VARCHAR) AS device_id,
        CAST(NULL AS VARCHAR) AS device_name,
        CAST(NULL AS VARCHAR) AS os,
        CAST(NULL AS VARCHAR) AS browser,
        CAST(NULL AS VARCHAR) AS trust_type,
        CAST(NULL AS BOOLEAN) AS compliant,
        AuthenticationProcessingDetails AS processing_details,
        UserAgent AS user_agent,
        CAST(NULL AS VARCHAR) AS client_app,
        IPAddress AS ip_address,
        CAST(NULL AS VARCHAR) AS asn,
        coalesce(nullif(LocationDetails.countryOrRegion, ''), Location) AS country,
        LocationDetails.city AS city,
        CAST(NULL AS BOOLEAN) AS through_global_secure_access,
        false AS interactive,
        ResultType AS result_code,
        ResultDescription AS result_text,
        CorrelationId AS correlation_id,
        CAST(NULL AS VARCHAR) AS authentication_requirement,
        CAST(NULL AS VARCHAR) AS mfa_result,
        ConditionalAccessStatus AS conditional_access_status,
        coalesce(ConditionalAccessPolicies, ConditionalAccessPoliciesV2) AS policies,
        CAST(NULL AS VARCHAR) AS risk_level,
        CAST(NULL AS VARCHAR) AS incoming_token_type
    FROM AADManagedIdentitySignInLogs
    UNION ALL
    SELECT
        Id AS sign_in_id,
        WorkspaceId AS workspace_id,
        'ADFSSignInLogs' AS source_table,
        coalesce(CreatedDateTime, TimeGenerated) AS seen_at,
        coalesce(IngestedAt, TimeGenerated, CreatedDateTime) AS arrived_at,
        UserId AS user_id,
        UserPrincipalName AS user_name,
        UserDisplayName AS user_display_name,
        AppId AS app_id,
        AppDisplayName AS app_name,
        CAST(NULL AS VARCHAR) AS service_principal_id,
        DeviceDetail.deviceId AS device_id,
        DeviceDetail.displayName AS device_name,
        DeviceDetail.operatingSystem AS os,
        DeviceDetail.browser AS browser,
        DeviceDetail.trustType AS trust_type,
        DeviceDetail.isCompliant AS compliant,
        AuthenticationProcessingDetails AS processing_details,
        UserAgent AS user_agent,
        CAST(NULL AS VARCHAR) AS client_app,
        IPAddress AS ip_address,
        CAST(NULL AS VARCHAR) AS asn,
        Location AS country,
        CAST(NULL AS VARCHAR) AS city,
        CAST(NULL AS BOOLEAN) AS through_global_secure_access,
        coalesce(IsInteractive, true) AS interactive,
        ResultType AS result_code,
        ResultDescription AS result_text,
        CorrelationId AS correlation_id,
        AuthenticationRequirement AS authentication_requirement,
        nullif(Status.additionalDetails, '') AS mfa_result,
        ConditionalAccessStatus AS conditional_access_status,
        ConditionalAccessPolicies AS policies,
        CAST(NULL AS VARCHAR) AS risk_level,
        CAST(NULL AS VARCHAR) AS incoming_token_type
    FROM ADFSSignInLogs
),
named AS (
    SELECT
        sign_in_id,
        workspace_id,
        source_table,
        seen_at,
        arrived_at,
        nullif(user_id, '') AS user_id,
        coalesce(nullif(user_name, ''), user_display_name) AS "user",
        nullif(lower(split_part(user_name, '@', 2)), '') AS domain,
        nullif(app_id, '') AS app_id,
        nullif(app_name, '') AS app,
        nullif(service_principal_id, '') AS service_principal_id,
        nullif(device_id, '') AS device_id,
        nullif(device_name, '') AS device,
        nullif(os, '') AS os,
        CASE
            WHEN lower(os) LIKE 'windows%' THEN 'windows'
            WHEN lower(os) LIKE 'mac%' THEN 'macos'
            WHEN lower(os) LIKE 'ios%' OR lower(os) LIKE 'ipados%' THEN 'ios'
            WHEN lower(os) LIKE 'android%' THEN 'android'
            WHEN lower(os) LIKE 'linux%' THEN 'linux'
            WHEN coalesce(os, '') <> '' THEN lower(regexp_extract(os, '^[A-Za-z]+', 0))
            WHEN user_agent LIKE '%iPhone%' OR user_agent LIKE '%iPad%' THEN 'ios'
            WHEN user_agent LIKE '%Android%' THEN 'android'
            WHEN user_agent LIKE '%Mac OS X%' THEN 'macos'
            WHEN user_agent LIKE '%Windows%' THEN 'windows'
            WHEN user_agent LIKE '%Linux%' THEN 'linux'
        END AS platform,
        nullif(trust_type, '') AS trust_type,
        compliant,
        -- the library that signed in, else the broker or browser build
        coalesce(
            nullif(regexp_extract(processing_details, 'Library: ?([^"\\]*[^"\\ ]) +Platform', 1), ''),
            nullif(browser, ''),
            nullif(user_agent, '')
        ) AS client,
        nullif(browser, '') AS browser,
        nullif(user_agent, '') AS user_agent,
        nullif(client_app, '') AS client_app,
        nullif(ip_address, '') AS ip,
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
        END AS subnet,
        nullif(asn, '') AS asn,
        nullif(country, '') AS country,
        nullif(city, '') AS city,
        coalesce(through_global_secure_access, false) AS through_global_secure_access,
        interactive,
        result_code,
        result_text,
        nullif(correlation_id, '') AS correlation_id,
        nullif(authentication_requirement, '') AS authentication_requirement,
        mfa_result,
        nullif(conditional_access_status, '') AS conditional_access_status,
        policies,
        nullif(risk_level, '') AS risk_level,
        nullif(incoming_token_type, '') AS incoming_token_type
    FROM logged
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
    coalesce(s.device_id, i.device_id) AS device_id,
    coalesce(s.device, i.device) AS device,
    CASE WHEN s.device_id IS NOT NULL THEN 'logged' WHEN i.device_id IS NOT NULL THEN 'inferred' ELSE 'unknown' END
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
    s.network,
    s.subnet,
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
FROM named AS s
LEFT JOIN inferred_devices AS i
    ON s.workspace_id = i.workspace_id AND s.source_table = i.source_table AND s.sign_in_id = i.sign_in_id
