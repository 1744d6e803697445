#!/bin/sh
# Writes the list of the images of all branches of a git repository, for a keep rule with "file":
#
#   sh branches.sh in-use.txt origin registry.example.com/team/app:
#
# A tag cannot have every name that a branch can. The list has both usual forms: feature/Login is held as
# feature-Login, and as feature-login, which is GitLab's CI_COMMIT_REF_SLUG.
#
# Do not write a password into the address of the repository: use the name of a remote, or a credential helper.
# If anything fails, there is no branch, or a name has letters for which these forms differ from tool to
# tool, it fails and writes nothing. A list that was there before stays, and gets old.
set -eu
export LC_ALL=C
list=${1:?"usage: sh branches.sh FILE REPOSITORY PREFIX"}
repository=${2:?"usage: sh branches.sh FILE REPOSITORY PREFIX"}
prefix=${3:?"usage: sh branches.sh FILE REPOSITORY PREFIX"}
made=$(date -u +%Y-%m-%dT%H:%M:%SZ) # before the repository is asked, so that the list is never older than it says

refs=$(git ls-remote --heads -- "$repository")
branches=$(printf '%s\n' "$refs" | cut -f 2 | sed -n 's|^refs/heads/||p')
if [ -z "$branches" ]; then
  echo "branches.sh: $repository has no branch; $list is not written" >&2
  exit 1
fi
if printf '%s\n' "$branches" | grep '[^ -~]' >&2; then
  echo "branches.sh: the tag of such a branch is not known; $list is not written" >&2
  exit 1
fi

plain=$(printf '%s\n' "$branches" | sed 's/[^0-9A-Za-z._-]/-/g; s/^[.-]*//' | cut -c 1-128)
slugs=$(printf '%s\n' "$branches" | tr 'A-Z' 'a-z' | sed 's/[^0-9a-z]/-/g' | cut -c 1-63 | sed 's/^-*//; s/-*$//')
images=$(printf '%s\n%s\n' "$plain" "$slugs" | sed '/^$/d' | sort -u | while read -r tag; do
  printf '%s%s\n' "$prefix" "$tag"
done)
trap 'rm -f "$list.$$"' EXIT
printf '# made %s\n%s\n' "$made" "$images" >"$list.$$"
mv "$list.$$" "$list"
