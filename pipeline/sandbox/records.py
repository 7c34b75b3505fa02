"""Sign-ins as the logs tell them: official columns, codes as strings, JSON in text, keys left out when unknown.

What happened is in the attempts; when a record arrives and how often is the business of ``delivery``.
"""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING, Any

import orjson

from pipeline.sandbox.traffic import WELL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from pipeline.sandbox.audit import Change
    from pipeline.sandbox.habits import Habits
    from pipeline.sandbox.population import Policy, World
    from pipeline.sandbox.traffic import Attempt

INTERACTIVE = "SigninLogs"
SILENT = "AADNonInteractiveUserSignInLogs"
GRAPH = "00000003-0000-0000-c000-000000000000"
# The service's texts; a placeholder that it leaves unfilled is in them.
_REASONS = {
    WELL: "",
    "50053": "Account is locked because user tried to sign in too many times with an incorrect user ID or password.",
    "50058": "Session information is not sufficient for single-sign-on.",
    "50076": "Due to a configuration change made by your administrator, you must use multi-factor authentication.",
    "50097": "Device authentication is required.",
    "50099": "PKeyAuthInvalidJwtUnauthorized - The JWT signature is invalid.",
    "50126": "Error validating credentials due to invalid username or password.",
    "50133": "Session is invalid due to expiration or recent password change.",
    "500133": "Assertion is not within its valid time range.",
    "50140": "This error occurred due to 'Keep me signed in' interrupt when the user was signing-in.",
    "50155": "Device authentication failed for this user.",
    "50187": "Failed to perform device authentication.",
    "53003": "Access has been blocked by Conditional Access policies.",
    "50074": "Strong authentication is required.",
    "50173": "The provided grant has expired due to it being revoked.",
    "700082": "The refresh token has expired due to inactivity.",
    "65001": "The user or administrator has not consented to use the application.",
    "70043": "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access.",
    "140000": "Request nonce is expired.",
    "500991": "Unexpected AuthToken audience.",
    "700003": "Device object was not found in the tenant '{tenantName}' directory.",
}


def sign_in(rng: Random, world: World, one: Attempt) -> dict[str, Any]:
    """Write the record of a person's attempt; TimeGenerated is still to come."""
    interactive = one.interactive
    reason = _REASONS[one.code]
    native = one.native
    if native is None:
        native = bool(one.library) and not (interactive and one.browser and rng.random() < 0.5)
    policies = _policies(rng, world, one)
    second_factor = interactive and one.code == WELL
    return {
        "Id": one.id,
        "OriginalRequestId": one.id,
        "CorrelationId": _like(one.id, 1),
        "SessionId": _like(one.user.id, one.at.toordinal()),
        "UniqueTokenIdentifier": _token_id(one.id),
        "CreatedDateTime": one.at,
        "TenantId": world.workspace_id,
        "AADTenantId": world.tenant_id,
        "HomeTenantId": world.tenant_id,
        "ResourceTenantId": world.tenant_id,
        "Category": "SignInLogs" if interactive else "NonInteractiveUserSignInLogs",
        "Type": INTERACTIVE if interactive else SILENT,
        "OperationName": "Sign-in activity",
        "OperationVersion": "1.0",
        "SourceSystem": "Azure AD",
        "Level": "4",
        "DurationMs": 0,
        "IsInteractive": interactive,
        "ResultType": one.code,
        "ResultSignature": "SUCCESS" if one.code == WELL else "FAILURE",
        "ResultDescription": reason,
        "Status": _status(one.code, second_factor),
        "Identity": one.user.name,
        "UserId": one.user.id,
        "UserDisplayName": one.user.name,
        "UserPrincipalName": one.user.principal_name,
        "AlternateSignInName": one.user.principal_name,
        "UserType": "Member",
        "CrossTenantAccessType": "none",
        "AppId": one.app.id,
        "AppDisplayName": one.app.name,
        "ResourceIdentity": GRAPH,
        "ResourceDisplayName": "Microsoft Graph",
        "ClientAppUsed": "Mobile Apps and Desktop clients" if native else "Browser",
        "UserAgent": _user_agent(world.habits, one, native),
        "DeviceDetail": _device_detail(rng, world.habits, one, native),
        "AuthenticationProcessingDetails": _processing(world.habits, one, native),
        "AuthenticationProtocol": "oAuth2" if native else "none",
        "AuthenticationRequirement": "multiFactorAuthentication" if policies else "singleFactorAuthentication",
        "AuthenticationDetails": _methods(one) if interactive else "[]",
        "MfaDetail": '{"authMethod":"Mobile app notification","authDetail":""}' if second_factor else "{}",
        "IncomingTokenType": "primaryRefreshToken" if one.device else "none",
        "TokenIssuerType": "AzureAD",
        "ConditionalAccessPolicies": policies or "[]",
        "ConditionalAccessStatus": _policy_status(one),
        "RiskDetail": "none",
        "RiskLevelAggregated": "none",
        "RiskLevelDuringSignIn": one.risk,
        "RiskState": "none" if one.risk == "none" else "atRisk",
        "RiskEventTypes_V2": "[]" if one.risk == "none" else '["anonymizedIPAddress"]',
        "IPAddress": one.address.ip,
        "AutonomousSystemNumber": one.address.asn,
        "Location": one.address.country,
        "LocationDetails": _location(one),
        "NetworkLocationDetails": "[]",
        "IsThroughGlobalSecureAccess": False,
    }


def change(world: World, one: Change) -> dict[str, Any]:
    """Write an audit record; for these TimeGenerated is the time of the change."""
    return {
        "Id": one.id,
        "CorrelationId": one.correlation_id,
        "TimeGenerated": one.at,
        "ActivityDateTime": one.at,
        "TenantId": world.workspace_id,
        "AADTenantId": world.tenant_id,
        "OperationName": one.operation,
        "ActivityDisplayName": one.operation,
        "AADOperationType": one.kind,
        "Category": one.category,
        "LoggedByService": one.service,
        "Result": "success",
        "ResultType": "",
        "ResultReason": "",
        "InitiatedBy": _json(one.initiated_by),
        "TargetResources": _json(one.targets),
        "AdditionalDetails": _json(one.details),
        "Identity": one.initiated_by.get("app", {}).get("displayName", ""),
        "Level": "4",
        "OperationVersion": "1.0",
        "SourceSystem": "Azure AD",
        "Type": "AuditLogs",
    }


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _like(id_: str, number: int) -> str:
    """Derive a GUID from another, without a draw."""
    return f"{(int(id_[:8], 16) ^ number * 0x9E3779B1) & 0xFFFFFFFF:08x}{id_[8:]}"


def _token_id(id_: str) -> str:
    return base64.urlsafe_b64encode(uuid.UUID(id_).bytes_le).rstrip(b"=").decode()


def _status(code: str, second_factor: bool) -> str:
    status: dict[str, object] = {"errorCode": int(code)}
    if code != WELL:
        status["failureReason"] = _REASONS[code]
    if second_factor:
        status["additionalDetails"] = "MFA requirement satisfied by claim in the token"
    return _json(status)


def _user_agent(habits: Habits, one: Attempt, native: bool) -> str:
    if one.user_agent is not None or one.device is None:
        return one.user_agent or ""
    if native:
        return one.device.platform.native_agent
    agent = one.device.platform.web_agent
    return f"{agent} {one.browser.replace(' ', '/')}" if habits.browser_in_agent else agent


def _device_detail(rng: Random, habits: Habits, one: Attempt, native: bool) -> str:
    detail: dict[str, object] = {}
    if one.device is not None:
        known = one.names_device
        if known:
            detail |= {"deviceId": one.device.id, "displayName": one.device.name}
        elif rng.random() < 0.6:
            detail["deviceId"] = ""
        detail["operatingSystem"] = (
            one.device.platform.short if habits.short_systems and one.interactive else one.system
        )
        build = one.broker if habits.broker_in_browser or not one.library else one.library.partition(" ")[2] + ".0"
        detail["browser"] = f"Rich Client {build}".rstrip() if native else one.browser
        if known:
            detail |= {"isCompliant": True, "isManaged": True, "trustType": one.device.platform.trust}
    return _json(detail)


def _processing(habits: Habits, one: Attempt, native: bool) -> str:
    details = [{"key": "Root Key Type", "value": "Unknown"}]
    if one.native is not None and not (native and one.library):  # of a browser, or untold
        return _json(details) if habits.family_told else ""
    if one.library and one.device is not None:
        platform = one.device.platform.library_platform
        family = "ADAL" if one.library.startswith("ADAL") else "MSAL"
        value = f"{f'Family: {family} ' if habits.family_told else ''}Library: {one.library} Platform: {platform}"
        details.insert(0, {"key": "Azure AD App Authentication Library", "value": value})
    return _json(details)


def _methods(one: Attempt) -> str:
    method = {
        "authenticationStepDateTime": f"{one.at:%Y-%m-%dT%H:%M:%S}Z",
        "authenticationMethod": "Previously satisfied" if one.code == WELL else "Password",
        "succeeded": one.code == WELL,
        "authenticationStepResultDetail": "MFA requirement satisfied by claim in the token" if one.code == WELL else "",
    }
    return _json([method])


def _applied(world: World, one: Attempt) -> Iterator[Policy]:
    platform = one.device.platform.name if one.device else ""
    for policy in world.policies:
        if (
            policy.platform in {"", platform}
            and (not policy.apps or one.app.id in policy.apps)
            and (not policy.people or one.user.id in policy.people)
        ):
            yield policy
    if one.policy is not None:
        yield one.policy


def _policies(rng: Random, world: World, one: Attempt) -> str:
    if one.code in {"50126", "50053", "50058"}:  # it never came to the policies
        return ""
    told = world.habits.policies_told
    if told < 1 and rng.random() >= told:
        return "[]"
    return _json(
        [
            {
                "id": policy.id,
                "displayName": policy.name,
                "result": _policy_result(one, policy),
                "enforcedGrantControls": [policy.control],
                "enforcedSessionControls": [],
            }
            for policy in _applied(world, one)
        ]
    )


def _policy_result(one: Attempt, policy: Policy) -> str:
    if policy is one.policy:
        return one.policy_result
    if policy.reports_only:
        return "reportOnlyNotApplied" if one.code != WELL else "reportOnlySuccess"
    if one.code == "53003" and policy.platform:
        return "failure"
    return "success" if one.code in {WELL, "53003"} else "notApplied"


def _policy_status(one: Attempt) -> str:
    if one.policy is not None and not one.policy_result.startswith("reportOnly"):
        return one.policy_result
    return {WELL: "success", "53003": "failure"}.get(one.code, "notApplied")


def _location(one: Attempt) -> str:
    location = {"countryOrRegion": one.address.country}
    if one.address.city:
        location["city"] = one.address.city
    return _json(location)
