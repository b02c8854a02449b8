# A migration of lab-compare as commands for gnuplot. $file: the picture.

def blue: "#0068a3"; def red: "#b84300"; def green: "#00755a";
def purple: "#8f3f73"; def band: "#c7ddeb"; def grey: "#7a7a7a";

# [{y, text, colour}] with y moved apart by the factor gap, the lowest first.
def spread(gap):
    reduce sort_by(.y)[] as $l ([]; ((.[-1].y // 0) * gap) as $least |
        . + [$l | .y = ([.y, $least] | max)]);

.report as $r | $r.parameters["downtime-ms"] as $limit |
$r.iterations as $its | $its[-1].decision as $last |
($r["actual-downtime-us"] // null) as $actual |
([$its[].decision | .["predicted-downtime-us", "cautious-downtime-us",
    "best-downtime-us"] / 1e3] + [$limit, ($actual // empty) / 1e3]) as $all |
($all | min / 1.3) as $low | ($all | max * 1.2) as $high |
[
    { y: ($last["predicted-downtime-us"] / 1e3), text: "if suspended now",
      colour: blue },
    { y: ($last["cautious-downtime-us"] / 1e3), text: "with margin",
      colour: blue },
    { y: ($last["best-downtime-us"] / 1e3), text: "best to hope for",
      colour: green },
    { y: $limit, text: "limit \($limit) ms", colour: red },
    (if $actual then { y: ($actual / 1e3),
        text: "actual \($actual / 1e3 | round) ms", colour: purple }
    else empty end)
] as $labels |

"set terminal svg size 820,380 font 'sans,12' background rgb '#ffffff'",
"set output '\($file)'",
"set border 1 lc rgb '\(grey)'",
"set grid ytics lt 1 lc rgb '#e2e2e2'",
"set tics nomirror textcolor rgb '#595959'",
"set ytics scale 0",
"set lmargin 12", "set rmargin 20", "set tmargin 5", "unset key",
"set logscale y", "set yrange [\($low):\($high)]",
"set ytics ('50 ms' 50, '100 ms' 100, '150 ms' 150, '200 ms' 200, '300 ms' 300, '500 ms' 500, '1 s' 1e3, '2 s' 2e3, '5 s' 5e3)",
"set format x '%g s'",
"set xlabel 'since the first copy began' textcolor rgb '#595959'",
"set label 998 'downtime' at screen 0.02, graph 1 left offset character 0,1 textcolor rgb '#595959'",
"set label 999 '" + (if $actual then
    "\(.case): suspended after \($its | length) iterations, at a predicted downtime of \($last["predicted-downtime-us"] / 1e3 | round) ms"
    else "\(.case): \($r.outcome) after \($its | length) iterations, \($r.reason)" end)
    + "' noenhanced at screen 0.02, graph 1 left offset character 0,2.7 font 'sans:Bold,13'",
"set arrow 1 from graph 0, first \($limit) to graph 1, first \($limit) nohead lw 2 dt 2 lc rgb '\(red)'",
($labels | spread(pow($high / $low; 0.07)) | to_entries[] |
    "set label \(.key + 1) '\(.value.text)' noenhanced at graph 1.015, first \(.value.y) left textcolor rgb '\(.value.colour)'"),
"$d << EOD",
($its[] | "\((.["start-us"] + .["duration-us"]) / 1e6) \(.decision["predicted-downtime-us"] / 1e3) \(.decision["cautious-downtime-us"] / 1e3) \(.decision["best-downtime-us"] / 1e3)"),
"EOD",
(if $actual then "$a << EOD",
    "\($r["suspended-us"] / 1e6) \($actual / 1e3)", "EOD" else empty end),
"plot $d using 1:2:3 with filledcurves fc rgb '\(band)', $d using 1:2 with linespoints lw 2 lc rgb '\(blue)' pt 7 ps 0.5, $d using 1:4 with lines lw 2 dt 3 lc rgb '\(green)'"
    + (if $actual then ", $a using 1:2 with points pt 7 ps 1 lc rgb '\(purple)'" else "" end)
