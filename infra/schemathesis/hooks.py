"""What a description in OpenAPI cannot tell.

A text may have rules beyond a pattern, and members of a request may depend on one another. Requests that are to be
taken get them right here; those that are to be refused are sent as they were made up. None of them may make the system
call another machine.
"""

from datetime import datetime

import requests
import schemathesis
from hypothesis import strategies as st

RECEIVER = "/webhook-test"
LATE = "9000-01-01T00:00:00Z"
# How far into a list `page` and `offset` lead.
DEEPEST = 10_000
# What the types of tasks cannot do without.
PAYLOADS = {
    "http": {"url": RECEIVER},
    "email": {"to": "ada@example.com", "subject": "Tick", "body": "Ten seconds have passed."},
}

schemathesis.openapi.format("timezone", st.sampled_from(["UTC", "Europe/Berlin", "America/Nuuk", "Asia/Kathmandu"]))
schemathesis.openapi.format("cron", st.sampled_from(["30 2 * * *", "*/15 9-17 * * MON-FRI", "0 0 1 1 *", "@daily"]))
# What must lie in the future does.
MOMENTS = st.datetimes(datetime(2031, 1, 1), datetime(2900, 1, 1))
schemathesis.openapi.format("date-time", MOMENTS.map(lambda at: at.replace(microsecond=0).isoformat() + "Z"))


@schemathesis.hook
def before_call(context, case, kwargs):
    base = base_of(case)
    if isinstance(case.body, (dict, list)):
        case.body = at_home(case.body, base)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.query, dict):
        mend_query(case.query)
    if isinstance(case.body, dict):
        case.body = mended(case.operation.path, dict(case.body), base)


@schemathesis.hook
def after_call(context, case, response):
    """Makes room where a user has as many endpoints or keys as are allowed."""
    path = case.operation.path
    if case.method != "POST" or path not in ("/webhooks", "/keys") or response.status_code != 409:
        return
    place = base_of(case) + path
    sent = {"Authorization": response.request.headers.get("Authorization", "")}
    found = requests.get(place, headers=sent, timeout=10)
    # The token may be dead by now; then there is another time.
    for found in next(iter(found.json().values())) if found.ok else []:
        requests.delete(f"{place}/{found['id']}", headers=sent, timeout=10)


def base_of(case):
    return (case.operation.base_url or "").rstrip("/")


def at_home(value, base):
    """The same with every URL leading to this machine."""
    if isinstance(value, dict):
        return {name: at_home(member, base) for name, member in value.items()}
    if isinstance(value, list):
        return [at_home(item, base) for item in value]
    if isinstance(value, str) and value.strip().lower().startswith(("http:", "https:")) and len(value) <= 2048:
        return base + RECEIVER
    return value


def mend_query(query):
    # A cursor is a text that an answer has told.
    query.pop("cursor", None)
    if query.get("scope") == "all":
        for name in ("userId", "sort", "page", "offset"):
            query.pop(name, None)
    if "page" in query:
        query.pop("offset", None)
    limit = number(query.get("limit")) or 20
    for name, deepest in (("page", DEEPEST // limit), ("offset", DEEPEST - limit)):
        given = number(query.get(name))
        if given is not None:
            query[name] = min(given, deepest)


def number(value):
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() else None


def mended(path, body, base):
    if path in ("/jobs", "/jobs/{id}"):
        mend_job(body, base, is_new=path == "/jobs")
    elif path == "/schedules/preview" and isinstance(body.get("schedule"), dict):
        body["schedule"] = schedule(body["schedule"])
    elif path == "/deliveries/redeliver":
        body.pop("cursor", None)
        if body.get("until"):
            body["until"] = LATE
    elif path == "/keys" and body.get("expiresAt"):
        body["expiresAt"] = LATE
    elif path == "/login":
        # One of the two, and an empty one is as good as none.
        if (body.get("userName") or "").strip():
            body.pop("email", None)
        elif not (body.get("email") or "").strip():
            body["email"] = "ada@example.com"
    elif path == "/profile/password" and body.get("newPassword") == body.get("currentPassword"):
        body["newPassword"] = "another " + body["newPassword"][:100]
    elif path.startswith("/webhooks") and isinstance(body.get("headers"), dict):
        # Eight stars stand for a value that is stored.
        body["headers"] = {name: value for name, value in body["headers"].items() if value != "********"}
    return body


def mend_job(job, base, is_new):
    # A name or a type, of which the other follows.
    if is_new and not (job.get("taskName") or job.get("type")):
        job["taskName"] = "a name"
    payload = PAYLOADS.get(str(job.get("type")).lower())
    if payload:
        job["payload"] = {name: base + value if value == RECEIVER else value for name, value in payload.items()}
    # A secret needs something to sign.
    if isinstance(job.get("webhookSecret"), str):
        job["webhookUrl"] = base + RECEIVER
    if isinstance(job.get("schedule"), dict):
        job["schedule"] = schedule(job["schedule"])
        if "recurrence" not in job["schedule"]:
            # It starts either now or then.
            job.pop("run", None)


def schedule(given):
    """With either a start or a recurrence, and in it either an interval or a cron."""
    given = dict(given)
    recurrence = given.get("recurrence")
    if not isinstance(recurrence, dict) or given.get("type") == "one-time":
        given.pop("recurrence", None)
        return {**given, "type": "one-time", "startTime": given.get("startTime") or LATE}
    recurrence = dict(recurrence)
    if recurrence.get("cron"):
        recurrence.pop("interval", None)
    else:
        recurrence.pop("cron", None)
        recurrence["interval"] = recurrence.get("interval") or "daily"
    if recurrence.get("endTime"):
        recurrence["endTime"] = LATE
    if recurrence.get("timezone"):
        given.pop("timezone", None)
    return {**given, "recurrence": recurrence}
