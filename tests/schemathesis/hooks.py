"""How bodies are written that schemathesis does not know by itself: lines of JSON, and workbooks."""

import json

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    """A text is a body as it stands; anything else is one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


@schemathesis.serializer("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
def workbook(_context, value):
    """No workbook at all, whatever is sent: it must be refused."""
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-8", "surrogatepass")
