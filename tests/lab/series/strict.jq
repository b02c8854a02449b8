# What came of the switchovers, by the kind of delay.
def ms: . / 1000 | round;
def pad(w): . + " " * ([w - length, 0] | max);
def n(w): tostring | (" " * ([w - length, 0] | max)) + .;
[.[].steps[] | (.name | split(" ")) as $n | .report as $r | {
    kind: $n[0], migrated: ($r.outcome == "migrated"), failures,
    until_go: (if $r["go-us"] then $r["go-us"] - $r["suspended-us"]
        else null end),
    after_go: (if $r["target-started-us"] then
        $r["target-started-us"] - $r["go-us"] else null end),
    stood: (if $r["target-started-us"] then 0
        else $r["actual-downtime-us"] // 0 end),
    broken: (if $r["broken-off-us"] then
        $r["broken-off-us"] - $r["suspended-us"] else null end),
    resume: (if $r["broken-off-us"] then
        $r["resumed-us"] - $r["broken-off-us"] else null end)
}] |
"                    until go   and then            broken off  stood still",
"delay     migrated   at most    at most  aborted      at most      at most  ms",
((group_by(.kind)[] , .) | . as $all |
    ((if ([.[].kind] | unique | length) > 1 then "all" else .[0].kind end) |
        pad(12)) +
    (map(select(.migrated)) | length | n(6)) +
    (map(.until_go // 0) | max // 0 | ms | n(10)) +
    (map(.after_go // 0) | max // 0 | ms | n(11)) +
    (map(select(.migrated | not)) | length | n(9)) +
    (map(.broken // 0) | max // 0 | ms | n(13)) +
    (map(.stood) | max // 0 | ms | n(13))),
(.[] | select(.failures != []) | "\(.kind): \(.failures | join("; "))")
