-- One row a change that the audit logs of Entra and Intune record; several records of one device join are one change.
-- change_id: Id of the AuditLogs or IntuneAuditLogs record; of several records the earliest
-- workspace_id: the Log Analytics workspace it was read from
-- changed_at: when it happened (ActivityDateTime; of Intune TimeGenerated), UTC
-- change: the operation as the audit log names it, hyphens for dashes; of several the one that tells most
-- change_kind: credential, app_config, device_registration, device_state, policy, federation, certificate, key, user_auth_method, intune; other where the operation changes no key and no configuration
-- target_type: Device, Application, Policy, User, or as the log names it; of Intune MobileApp, Certificate, Vpn, WiFi, Proxy, ConfigurationProfile or CompliancePolicy
-- target_id: the id by which sign-ins know the target (device id, application id, policy id, user id), else its object id
-- target: display name of the target
-- changed_by: user or application that made the change
-- old_value: properties before, as far as the record tells
-- new_value: properties after
SELECT change_id, workspace_id, changed_at, change, change_kind, target_type, target_id, target, changed_by, old_value, new_value
FROM audited_changes
