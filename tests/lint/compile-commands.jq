# From make's commands, a line each, to what clang's tools and cppcheck read.
# $dir is where make ran. A string in a macro is written \"so\", which all of
# them understand.
[inputs | select(test(" -c -o ")) |
 { directory: $dir, file: (split(" ") | last),
   command: gsub("'\"(?<s>[^\"']*)\"'"; "\\\"\(.s)\\\"") }]
