"""The official columns of the Log Analytics tables that the sandbox writes and serves.

Names and types as Microsoft documents them, with what real exports add (TenantId). Column names only: no row, no rule.
"""

from __future__ import annotations

import polars as pl

from pipeline.pages import SIGN_IN_TABLES

INGESTION_TIME = "ingestion_time"  # the frame's column behind KQL's ingestion_time(); not an official one

_EVERY_SIGN_IN_TABLE = """
    _BilledSize _IsBillable AppId AuthenticationProcessingDetails Category ConditionalAccessPolicies
    ConditionalAccessStatus CorrelationId CreatedDateTime DurationMs Id Identity IPAddress Level Location
    NetworkLocationDetails OperationName OperationVersion ResourceDisplayName ResourceGroup ResourceIdentity
    ResultDescription ResultSignature ResultType SourceSystem TenantId TimeGenerated Type UniqueTokenIdentifier
    UserAgent
"""
_OWN = {
    "SigninLogs": """
        AADTenantId Agent AlternateSignInName AppDisplayName AppliedConditionalAccessPolicies
        AppliedEventListeners AppOwnerTenantId AuthenticationAppDeviceDetails
        AuthenticationAppPolicyEvaluationDetails AuthenticationContextClassReferences AuthenticationDetails
        AuthenticationMethodsUsed AuthenticationProtocol AuthenticationRequirement
        AuthenticationRequirementPolicies AuthenticatorAppLocation AutonomousSystemNumber ClientAppUsed
        ClientCredentialType ConditionalAccessAudiences CrossTenantAccessType DeviceDetail FederatedCredentialId
        FlaggedForReview GlobalSecureAccessIpAddress HomeTenantId HomeTenantName IncomingTokenType
        IPAddressFromResourceProvider IsInteractive IsRisky IsTenantRestricted IsThroughGlobalSecureAccess
        LocationDetails MfaDetail OriginalRequestId OriginalTransferMethod ProcessingTimeInMilliseconds Resource
        ResourceId ResourceOwnerTenantId ResourceProvider ResourceServicePrincipalId ResourceTenantId RiskDetail
        RiskEventTypes RiskEventTypes_V2 RiskLevel RiskLevelAggregated RiskLevelDuringSignIn RiskState
        ServicePrincipalId ServicePrincipalName SessionId SessionLifetimePolicies SignInIdentifier
        SignInIdentifierType SourceAppClientId Status TokenIssuerName TokenIssuerType
        TokenProtectionStatusDetails UserDisplayName UserId UserPrincipalName UserType
    """,
    "AADNonInteractiveUserSignInLogs": """
        AADTenantId Agent AlternateSignInName AppDisplayName AppliedEventListeners AppOwnerTenantId
        AuthenticationContextClassReferences AuthenticationDetails AuthenticationMethodsUsed
        AuthenticationProtocol AuthenticationRequirement AuthenticationRequirementPolicies
        AuthenticatorAppLocation AutonomousSystemNumber ClientAppUsed ClientCredentialType ClientSessionId
        ConditionalAccessAudiences ConditionalAccessPoliciesV2 CrossTenantAccessType DeviceDetail
        FederatedCredentialId GlobalSecureAccessIpAddress HomeTenantId HomeTenantName IncomingTokenType
        IsInteractive IsRisky IsTenantRestricted IsThroughGlobalSecureAccess LocationDetails MfaDetail
        OriginalRequestId OriginalTransferMethod ProcessingTimeInMs ResourceOwnerTenantId
        ResourceServicePrincipalId ResourceTenantId RiskDetail RiskEventTypes RiskEventTypes_V2
        RiskLevelAggregated RiskLevelDuringSignIn RiskState ServicePrincipalId SessionId SessionLifetimePolicies
        SignInEventTypes SignInIdentifierType Status TokenIssuerName TokenIssuerType
        TokenProtectionStatusDetails UserDisplayName UserId UserPrincipalName UserType
    """,
    "AADServicePrincipalSignInLogs": """
        _ItemId AADTenantId Agent AppOwnerTenantId AuthenticationContextClassReferences AutonomousSystemNumber
        ClientCredentialType ConditionalAccessAudiences FederatedCredentialId LocationDetails
        ResourceOwnerTenantId ResourceServicePrincipalId ServicePrincipalCredentialKeyId
        ServicePrincipalCredentialThumbprint ServicePrincipalId ServicePrincipalName SessionId
    """,
    "AADManagedIdentitySignInLogs": """
        AADTenantId Agent AppOwnerTenantId AuthenticationContextClassReferences ClientCredentialType
        ConditionalAccessAudiences ConditionalAccessPoliciesV2 FederatedCredentialId LocationDetails
        ManagedServiceIdentity ResourceOwnerTenantId ResourceServicePrincipalId ServicePrincipalCredentialKeyId
        ServicePrincipalCredentialThumbprint ServicePrincipalId ServicePrincipalName SessionId SourceAppClientId
    """,
    "ADFSSignInLogs": """
        AlternateSignInName AppDisplayName AuthenticationDetails AuthenticationRequirement
        AuthenticationRequirementPolicies DeviceDetail IsInteractive OriginalRequestId ProcessingTimeInMs
        Requirement ResourceTenantId Status TokenIssuerName TokenIssuerType UserDisplayName UserId
        UserPrincipalName
    """,
    "AuditLogs": """
        _BilledSize _IsBillable AADOperationType AADTenantId ActivityDateTime ActivityDisplayName
        AdditionalDetails Category CorrelationId DurationMs Id Identity InitiatedBy Level Location
        LoggedByService OperationName OperationVersion Resource ResourceGroup ResourceId ResourceProvider Result
        ResultDescription ResultReason ResultSignature ResultType SourceSystem TargetResources TenantId
        TimeGenerated Type
    """,
    "IntuneAuditLogs": """
        _BilledSize _IsBillable Category CorrelationId Identity OperationName Properties ResultDescription
        ResultType SourceSystem TenantId TimeGenerated Type
    """,
}
_DYNAMIC = {
    "SigninLogs": """
        Agent AppliedEventListeners ConditionalAccessPolicies DeviceDetail LocationDetails MfaDetail Status
        TokenProtectionStatusDetails
    """,
    "AADNonInteractiveUserSignInLogs": "AppliedEventListeners ConditionalAccessPoliciesV2",
    "AADManagedIdentitySignInLogs": "ConditionalAccessPoliciesV2",
    "AuditLogs": "AdditionalDetails InitiatedBy TargetResources",
}
_NOT_TEXT: dict[str, pl.DataType] = {
    "TimeGenerated": pl.Datetime("us"),
    "CreatedDateTime": pl.Datetime("us"),
    "ActivityDateTime": pl.Datetime("us"),
    INGESTION_TIME: pl.Datetime("us"),
    "DurationMs": pl.Int64(),
    "_BilledSize": pl.Float64(),
    "FlaggedForReview": pl.Boolean(),
    "IsInteractive": pl.Boolean(),
    "IsRisky": pl.Boolean(),
    "IsTenantRestricted": pl.Boolean(),
    "IsThroughGlobalSecureAccess": pl.Boolean(),
}


def schema(table: str) -> dict[str, pl.DataType]:
    """Give the frame schema of ``table``: its official columns and the ingestion time.

    Datetimes are naive UTC in microseconds; dynamic columns hold JSON text.
    """
    shared = _EVERY_SIGN_IN_TABLE if table in SIGN_IN_TABLES else ""
    names = [*sorted((shared + _OWN[table]).split()), INGESTION_TIME]
    return {name: _NOT_TEXT.get(name, pl.String()) for name in names}


def is_dynamic(table: str, column: str) -> bool:
    """Tell whether the service types ``column`` of ``table`` as dynamic."""
    return column in _DYNAMIC.get(table, "").split()
