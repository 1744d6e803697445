#!/bin/sh
# Writes the list of the images that a Kubernetes cluster uses, for a keep rule with "file":
#
#   sh kubectl.sh in-use.txt
#
# These are the images of pods, with the digests that really run, and those of what makes pods: also of
# deployments scaled to zero, of cron jobs between two runs, and of the revisions that a rollback goes back to.
# It does not see other clusters, and no custom resources: add these to the list of kinds below.
#
# It needs the right to list these kinds in all namespaces. If anything fails, or there is no image at all,
# it fails and writes nothing. A list that was there before stays, and gets old.
set -eu
list=${1:?"usage: sh kubectl.sh FILE"}
made=$(date -u +%Y-%m-%dT%H:%M:%SZ) # before the cluster is asked, so that the list is never older than it says

kinds=pods,replicasets,deployments,statefulsets,daemonsets,controllerrevisions,jobs,cronjobs
specs='{..containers[*].image} {..initContainers[*].image} {..ephemeralContainers[*].image} {..volumes[*].image.reference}'
running='{..containerStatuses[*].image} {..initContainerStatuses[*].image} {..ephemeralContainerStatuses[*].image}'
digests='{..containerStatuses[*].imageID} {..initContainerStatuses[*].imageID} {..ephemeralContainerStatuses[*].imageID}'
found=$(kubectl get "$kinds" --all-namespaces --output "jsonpath=$specs $running $digests")

images=$(printf '%s\n' "$found" | tr -s ' ' '\n' | sed '/^$/d' | sort -u)
if [ -z "$images" ]; then
  echo "kubectl.sh: the cluster names no image; $list is not written" >&2
  exit 1
fi
trap 'rm -f "$list.$$"' EXIT
printf '# made %s\n%s\n' "$made" "$images" >"$list.$$"
mv "$list.$$" "$list"
