"""signin-triage: why AADSTS50099 device sign-ins fail, from the logs of Microsoft Entra."""

__version__ = "0.1.0"
