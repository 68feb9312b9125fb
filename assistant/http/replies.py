"""Answers of the HTTP face, errors in the shape OpenAI clients read."""

from __future__ import annotations

from starlette.responses import JSONResponse


def error_reply(
    status: int, message: str, code: str | None = None, param: str | None = None
) -> JSONResponse:
    """An error: whose fault it is follows from the status."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = {"message": message, "type": kind, "param": param, "code": code}
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": body}, status_code=status, headers=headers)
