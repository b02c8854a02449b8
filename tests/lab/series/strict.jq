# What came of the switchovers, by the kind of delay.
def ms: . / 1000 | round;
def pad(w): . + " " * ([w - length, 0] | max);
def n(w): tostring | (" " * ([w - length, 0] | max)) + .;
[.[].steps[] | (.name | split(" ")) as $n | .report as $r | {
    kind: $n[0], migrated: ($r.outcome == "migrated"), failures,
    stood: ($r["actual-downtime-us"] // 0),
    broken: (if $r["broken-off-us"] then
        $r["broken-off-us"] - $r["suspended-us"] else null end),
    resume: (if $r["broken-off-us"] then
        $r["resumed-us"] - $r["broken-off-us"] else null end)
}] |
"                              stood still   broken off   runs here again",
"delay         migrated  aborted  at most ms  at most ms   after at most ms",
((group_by(.kind)[] , .) | . as $all |
    ((if ([.[].kind] | unique | length) > 1 then "all" else .[0].kind end) |
        pad(14)) +
    (map(select(.migrated)) | length | n(8)) +
    (map(select(.migrated | not)) | length | n(9)) +
    (map(.stood) | max // 0 | ms | n(12)) +
    (map(.broken // 0) | max // 0 | ms | n(12)) +
    (map(.resume // 0) | max // 0 | ms | n(19))),
(.[] | select(.failures != []) | "\(.kind): \(.failures | join("; "))")
