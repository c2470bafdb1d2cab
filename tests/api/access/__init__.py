"""What the access test (tests/api/test_access.py) knows of the schema and of the rows behind it.

One module a subject: `people`, `projects`, `media`, `generation`, `usage`, `conversation`, `workflow`, `webhooks`. Each
fills a world with rows and has a table, `SUBJECT` (subjects.py says what is in one). What is added to the schema needs:

- a type of rows: rows of it in its subject's `fill`, whose values are then markers by themselves;
- a root field or subscription: an entry in `roots` or `subscriptions`;
- an argument that is a String, Int, Float, ID, JSON or date: an entry in `arguments`;
- a mutation: an entry in `mutations`;
- a field that is always null, or shows nothing of anybody's: an entry in `never` or `unmarked`, with the reason;
- a column that the API does not show: an entry in `hidden`.

The test says which of these is missing, and where.
"""
