#!/bin/sh
# Writes the list of the images that Amazon ECS uses, for a keep rule with "file":
#
#   sh ecs.sh in-use.txt
#
# These are the images of running tasks, with their digests, and those of the task definitions of all services,
# also of services scaled to zero and of deployments in progress. It asks one region of one account (AWS_REGION,
# AWS_PROFILE): join the lists of several. It does not see tasks that a schedule starts: name their images
# in a keep rule.
#
# It needs the rights ecs:List* and ecs:Describe*. If anything fails, or there is no image at all, it fails and
# writes nothing. A list that was there before stays, and gets old.
set -euf
list=${1:?"usage: sh ecs.sh FILE"}
made=$(date -u +%Y-%m-%dT%H:%M:%SZ) # before ECS is asked, so that the list is never older than it says

found= definitions=
clusters=$(aws ecs list-clusters --query 'clusterArns[]' --output text)
for cluster in $clusters; do
  tasks=$(aws ecs list-tasks --cluster "$cluster" --query 'taskArns[]' --output text)
  if [ -n "$tasks" ]; then # 100 is as many as one call takes; of services, 10
    running=$(printf '%s\n' $tasks | xargs -n 100 aws ecs describe-tasks --cluster "$cluster" \
      --query 'tasks[].containers[].[image,imageDigest][]' --output text --tasks)
    found="$found $running"
  fi
  services=$(aws ecs list-services --cluster "$cluster" --query 'serviceArns[]' --output text)
  if [ -n "$services" ]; then
    wanted=$(printf '%s\n' $services | xargs -n 10 aws ecs describe-services --cluster "$cluster" \
      --query 'services[].[taskDefinition,deployments[].taskDefinition,taskSets[].taskDefinition][][]' \
      --output text --services)
    definitions="$definitions $wanted"
  fi
done
for definition in $(printf '%s\n' $definitions | sort -u); do
  wanted=$(aws ecs describe-task-definition --task-definition "$definition" \
    --query 'taskDefinition.containerDefinitions[].image' --output text)
  found="$found $wanted"
done

images=$(printf '%s\n' $found | sed '/^$/d' | sort -u)
if [ -z "$images" ]; then
  echo "ecs.sh: no task and no service has an image; $list is not written" >&2
  exit 1
fi
trap 'rm -f "$list.$$"' EXIT
printf '# made %s\n%s\n' "$made" "$images" >"$list.$$"
mv "$list.$$" "$list"
