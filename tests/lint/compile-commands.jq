# Converts the commands of make, one per line, for clang's tools and cppcheck.
# $dir is where make ran. A string in a macro is written as \"text\", which all
# of them understand.
[inputs | select(test(" -c -o ")) |
 { directory: $dir, file: (split(" ") | last),
   command: gsub("'\"(?<s>[^\"']*)\"'"; "\\\"\(.s)\\\"") }]
