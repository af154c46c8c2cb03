#!/bin/sh
# corpus.sh - a public-domain text for byte-level language models:  corpus.sh [FILE]
#
# The King James Bible of 1611 as Debian ships it in bible-kjv-text, read by the program of
# bible-kjv, one verse a line without its reference: 4.1 MB. FILE is corpus/kjv.txt unless named.
# Nothing is downloaded and nothing is installed.
set -eu

file=${1:-corpus/kjv.txt}
if ! command -v bible >/dev/null || ! [ -r /usr/lib/bible.data ]; then
    echo "corpus.sh: the text is in Debian's packages: apt-get install bible-kjv bible-kjv-text" >&2
    exit 1
fi
mkdir -p "$(dirname "$file")"
bible -f Gen1:1-Rev22:21 </dev/null | sed 's/^[0-9]*[A-Za-z]*[0-9]*:[0-9]* //' >"$file.part"
verses=$(wc -l <"$file.part")
if [ "$verses" -lt 31000 ]; then
    rm -f "$file.part"
    echo "corpus.sh: bible printed $verses verses, not some 31,000" >&2
    exit 1
fi
mv "$file.part" "$file"
echo "$file: $(wc -c <"$file") bytes, $verses verses"
