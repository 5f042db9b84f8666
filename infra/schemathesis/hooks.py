"""What a description in OpenAPI cannot tell, for the requests that schemathesis expects to be taken.

A text may have rules beyond a pattern, and members of a request may depend on one another. What is to be refused is
sent as it was made up, except that nothing may call another machine.
"""

from datetime import datetime

import requests
import schemathesis
from hypothesis import strategies as st

RECEIVER = "/webhook-test"
BEGINS, ENDS = "2031-05-06T07:08:09Z", "9000-01-01T00:00:00Z"
DEEPEST = 10_000
IN_PAYLOADS = {
    "http": {"url": RECEIVER},
    "email": {"to": "ada@example.com", "subject": "Tick", "body": "Ten seconds have passed."},
}

schemathesis.openapi.format("timezone", st.sampled_from(["UTC", "Europe/Berlin", "America/Nuuk", "Asia/Kathmandu"]))
schemathesis.openapi.format("cron", st.sampled_from(["30 2 * * *", "*/15 9-17 * * MON-FRI", "0 0 1 1 *", "@daily"]))
# Whatever has to lie in the future does.
schemathesis.openapi.format("date-time", st.datetimes(datetime(2031, 1, 1), datetime(2900, 1, 1)).map(lambda moment: moment.replace(microsecond=0).isoformat() + "Z"))


@schemathesis.hook
def before_call(context, case, kwargs):
    base = case.operation.base_url or ""
    body = case.body
    if isinstance(body, (dict, list)):
        case.body = at_home(body, base)
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    if isinstance(case.query, dict):
        related_query(case.query)
    if isinstance(case.body, dict):
        case.body = related(case.operation.path, case.body, base)


@schemathesis.hook
def after_call(context, case, response):
    """Makes room where a user has as many endpoints or keys as are allowed."""
    path = case.operation.path
    if case.method != "POST" or path not in ("/webhooks", "/keys") or response.status_code != 409:
        return
    place = (case.operation.base_url or "") + path
    sent = {"Authorization": response.request.headers.get("Authorization", "")}
    for found in next(iter(requests.get(place, headers=sent, timeout=10).json().values())):
        requests.delete(f"{place}/{found['id']}", headers=sent, timeout=10)


def at_home(value, base):
    """The same with every URL leading to this machine."""
    if isinstance(value, dict):
        return {name: at_home(member, base) for name, member in value.items()}
    if isinstance(value, list):
        return [at_home(item, base) for item in value]
    if isinstance(value, str) and value.strip().lower().startswith(("http:", "https:")) and len(value) <= 2048:
        return base + RECEIVER
    return value


def related_query(query):
    # A cursor is a text that an answer gave.
    query.pop("cursor", None)
    if query.get("scope") == "all":
        for name in ("userId", "sort", "page", "offset"):
            query.pop(name, None)
    if "page" in query:
        query.pop("offset", None)
    limit = number(query.get("limit")) or 20
    for name, deepest in (("page", DEEPEST // limit), ("offset", DEEPEST - limit)):
        if number(query.get(name)) is not None:
            query[name] = min(number(query[name]), deepest)


def number(value):
    text = str(value)
    return int(text) if text.isdecimal() and not isinstance(value, bool) else None


def related(path, body, base):
    body = dict(body)
    if path.startswith("/jobs"):
        jobs = [body] if path != "/jobs/batch" else []
        for job in jobs:
            job_members(job, base, is_new=path == "/jobs")
    elif path == "/login":
        # One of the two, and an empty one is as good as none.
        if (body.get("userName") or "").strip():
            body.pop("email", None)
        elif not (body.get("email") or "").strip():
            body["email"] = "ada@example.com"
    elif path == "/schedules/preview" and isinstance(body.get("schedule"), dict):
        body["schedule"] = schedule(body["schedule"])
    elif path == "/keys" and body.get("expiresAt"):
        body["expiresAt"] = ENDS
    elif path == "/deliveries/redeliver":
        body.pop("cursor", None)
        if body.get("until"):
            body["until"] = ENDS
    elif path == "/profile/password" and body.get("newPassword") == body.get("currentPassword"):
        body["newPassword"] = "another " + body["newPassword"][:100]
    elif path.startswith("/webhooks") and isinstance(body.get("headers"), dict):
        body["headers"] = {name: value for name, value in body["headers"].items() if value != "********"}
    return body


def job_members(job, base, is_new):
    kind = job.get("type")
    if isinstance(kind, str) and kind.lower() in IN_PAYLOADS:
        job["payload"] = at_home({**IN_PAYLOADS[kind.lower()]}, base)
        if kind.lower() == "http":
            job["payload"]["url"] = base + RECEIVER
    if isinstance(job.get("webhookSecret"), str) and (is_new or "webhookUrl" in job):
        job["webhookUrl"] = base + RECEIVER
    if isinstance(job.get("schedule"), dict):
        job["schedule"] = schedule(job["schedule"])
        if "recurrence" not in job["schedule"]:
            job.pop("run", None)


def schedule(value):
    """With either a start or a recurrence, and in it either an interval or a cron."""
    value = dict(value)
    recurrence = value.get("recurrence")
    if not isinstance(recurrence, dict) or value.get("type") == "one-time":
        value.pop("recurrence", None)
        value["type"] = "one-time"
        value["startTime"] = value.get("startTime") or BEGINS
        return value
    recurrence = dict(recurrence)
    if recurrence.get("cron"):
        recurrence.pop("interval", None)
    else:
        recurrence.pop("cron", None)
        recurrence["interval"] = recurrence.get("interval") or "daily"
    if recurrence.get("endTime"):
        recurrence["endTime"] = ENDS
    if value.get("timezone") and recurrence.get("timezone"):
        value.pop("timezone")
    value["recurrence"] = recurrence
    return value
