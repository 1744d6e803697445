#!/bin/sh
# Writes the list of the images that a Nomad cluster uses, for a keep rule with "file":
#
#   sh nomad.sh in-use.txt
#
# These are the images of all versions of all jobs that Nomad remembers, in all namespaces: allocations may still
# run an older version, and a revert goes back to one. An image with a variable in its name, such as
# ${meta.version}, makes the list unusable: name it otherwise, or leave the job out below.
#
# It needs the rights list-jobs and read-job (NOMAD_ADDR, NOMAD_TOKEN). If anything fails, or there is no image
# at all, it fails and writes nothing. A list that was there before stays, and gets old.
set -eu
list=${1:?"usage: sh nomad.sh FILE"}
made=$(date -u +%Y-%m-%dT%H:%M:%SZ) # before the cluster is asked, so that the list is never older than it says

table=$(nomad job status -namespace '*')
jobs=$(printf '%s\n' "$table" | awk '
  NR == 1 && ($1 != "ID" || $2 != "Namespace") { print "nomad.sh: no list of jobs: " $0 >"/dev/stderr"; exit 1 }
  NR > 1 && NF > 1 { print $1, $2 }')

template='{{range .}}{{range .TaskGroups}}{{range .Tasks}}{{with .Config.image}}{{println .}}{{end}}{{end}}{{end}}{{end}}'
found=$(printf '%s\n' "$jobs" | while read -r job namespace; do
  [ -n "$job" ] || continue
  nomad job history -namespace "$namespace" -t "$template" "$job" </dev/null || exit 1
done)

images=$(printf '%s\n' "$found" | sed '/^$/d' | sort -u)
if [ -z "$images" ]; then
  echo "nomad.sh: no job has an image; $list is not written" >&2
  exit 1
fi
trap 'rm -f "$list.$$"' EXIT
printf '# made %s\n%s\n' "$made" "$images" >"$list.$$"
mv "$list.$$" "$list"
