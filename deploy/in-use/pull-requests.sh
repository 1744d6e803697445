#!/bin/sh
# Writes the list of the images of open pull requests at GitHub, for a keep rule with "file":
#
#   sh pull-requests.sh in-use.txt registry.example.com/team/app:pr- [IMAGE...]
#
# The number of each pull request comes after the second argument. Further arguments are images that are in use
# in any case, such as registry.example.com/team/app:latest. Name one if there may be times without any open pull
# request: otherwise an empty list is an error, because what is missing may be a right.
#
# It runs in a checkout, or with GH_REPO=owner/name, and needs the right to read pull requests (GH_TOKEN). If
# anything fails, it fails and writes nothing. A list that was there before stays, and gets old.
set -euf
list=${1:?"usage: sh pull-requests.sh FILE PREFIX [IMAGE...]"}
prefix=${2:?"usage: sh pull-requests.sh FILE PREFIX [IMAGE...]"}
shift 2
made=$(date -u +%Y-%m-%dT%H:%M:%SZ) # before GitHub is asked, so that the list is never older than it says

# "gh pr list" stops at a limit without a word; this reads all pages.
numbers=$(gh api --paginate 'repos/{owner}/{repo}/pulls?state=open&per_page=100' --jq '.[].number')

images=$({
  for number in $numbers; do printf '%s%s\n' "$prefix" "$number"; done
  for image in "$@"; do printf '%s\n' "$image"; done
} | sort -u)
if [ -z "$images" ]; then
  echo "pull-requests.sh: no pull request is open; $list is not written. If that may be, name an image that stays" >&2
  exit 1
fi
trap 'rm -f "$list.$$"' EXIT
printf '# made %s\n%s\n' "$made" "$images" >"$list.$$"
mv "$list.$$" "$list"
