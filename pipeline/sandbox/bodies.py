"""What the query API says, as bytes: tables, refusals and partial errors in Azure's words.

Shapes after learn.microsoft.com/azure/azure-monitor/logs/api (response-format, errors) and a recorded partial answer.
No socket and no database enter here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pipeline.sandbox.kusto import QueryError
    from pipeline.sandbox.rows import Answer

_ERRORS = {
    400: ("BadArgumentError", "The request had some invalid properties"),
    401: ("AuthorizationRequiredError", "Valid authentication was not provided"),
    403: (
        "InsufficientAccessError",
        "The provided credentials have insufficient access to perform the requested operation",
    ),
    404: ("PathNotFoundError", "The requested path does not exist"),
    429: ("ThrottledError", "Request is throttled."),
    500: ("InternalServerError", "The request failed due to an internal error."),
    502: ("BadGatewayError", "The gateway did not get a valid answer from the service."),
    503: ("ServiceUnavailableError", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The request timed out"),
}


@dataclass(frozen=True)
class Prepared:
    """An answer that was made beforehand: its whole body, gzipped, and the number of rows in it."""

    gzipped: bytes
    rows: int


def table(answer: Answer, *, error: dict[str, object] | None = None) -> bytes:
    """Write an answer, and beside it the ``error`` that makes it a partial one."""
    named = orjson.dumps([{"name": name, "type": kind} for name, kind in answer.columns])
    beside = b',"error":' + orjson.dumps(error) if error else b""
    rows = b",".join(answer.rows)
    return b'{"tables":[{"name":"PrimaryResult","columns":' + named + b',"rows":[' + rows + b"]}]" + beside + b"}"


def cut_off(limit: str) -> dict[str, object]:
    """Say that a result was larger than ``limit``, as in "500000 records"."""
    return _partial(
        "-2133196797",
        f"The results of this query exceed the set limit of {limit}, so not all records were returned "
        "(E_QUERY_RESULT_SET_TOO_LARGE, 0x80DA0003). "
        "See https://aka.ms/kustoquerylimits for more information and possible solutions.",
    )


def engine_trouble() -> dict[str, object]:
    """Say that a part of the service failed under the query, which has nothing to do with its size."""
    return _partial(
        "-2133196794",
        "Query execution lacks memory resources to complete (E_LOW_MEMORY_CONDITION, 0x80DA0007).",
    )


def _partial(code: str, message: str) -> dict[str, object]:
    return {
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [
            {
                "code": "EngineError",
                "message": "Something went wrong processing your query on the server.",
                "innererror": {"code": code, "message": message, "severity": 2, "severityName": "Error"},
            }
        ],
    }


def error(status: int, detail: str | None = None) -> bytes:
    """Write the error body of an HTTP ``status``."""
    code, message = _ERRORS.get(status, ("UnknownError", "The request failed."))
    inner = {"innererror": {"code": code, "message": detail}} if detail else {}
    return orjson.dumps({"error": {"code": code, "message": message, **inner}})


def other_plan() -> bytes:
    """Write the 400 body of a query of a table that is not on the Analytics plan (grafana/grafana issue 89818)."""
    code, message = _ERRORS[400]
    inner = {
        "code": "UnsupportedApiQueryValidationError",
        "message": "Query of Basic Logs table is not supported with the API '/v1/workspaces/{workspaceId}/query'.\n"
        "You can use '/v1/workspaces/{workspaceId}/search' instead.",
    }
    return orjson.dumps({"error": {"code": code, "message": message, "innererror": inner}})


def refusal(refused: QueryError) -> bytes:
    """Write the 400 body of a query that Kusto refuses."""
    code, message = _ERRORS[400]
    inner = {
        "code": refused.kind,
        "message": "A syntax error occurred." if refused.kind == "SyntaxError" else "A semantic error occurred.",
        "innererror": {"code": refused.code, "message": refused.message},
    }
    return orjson.dumps({"error": {"code": code, "message": message, "innererror": inner}})
