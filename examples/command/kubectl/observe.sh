#!/bin/sh
# observe.sh CONTEXT NAME: what became of this job's rollout, for an agent that did not begin it. The cluster goes on with a rollout by itself.
deployment() { kubectl --context "$1" get deployment "$2" --output "jsonpath=$3"; }
job=$(deployment "$1" "$2" '{.metadata.annotations.slipway-job}') || exit 1
# Another job's: this one may have been applied before it, or never.
[ "$job" = "$SLIPWAY_JOB" ] || exit 1
kubectl --context "$1" rollout status "deployment/$2" --timeout=5s && exit 0
reason=$(deployment "$1" "$2" '{.status.conditions[?(@.type=="Progressing")].reason}') || exit 1
[ "$reason" = ProgressDeadlineExceeded ] && exit 20
exit 30
