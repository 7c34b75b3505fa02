#!/bin/sh
# Does a night and mails it: its one line is the subject, its whole object or its error the body. Ends with the night's code.
said=$(mktemp) && trap 'rm -f "$said"' EXIT
night=$(signin-triage nightly --format json 2>"$said")
code=$?
subject=$(printf '%s' "$night" | python3 -c 'import json, sys; print(json.load(sys.stdin)["text"])' 2>/dev/null)
printf '%s\n' "$night" | cat - "$said" | mail -s "${subject:-signin-triage failed ($code): $(tail -n 1 "$said")}" "$1"
exit "$code"
