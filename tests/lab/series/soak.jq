# What there was of everything before and after.
([.[].steps[]] | map(select(.report.outcome == "migrated")) | length) as $good |
"\($good) of \([.[].steps[]] | length) migrations arrived",
(.[] | "\(.scenario): \(.verdict), \(.steps | length) migrations",
    (.steps[-1]["checks-passed"][] | "    \(.)"),
    (.failures[] | "    bad: \(.)"))
